package app.afterword.kit

/**
 * What is said of a file when it is attached.
 *
 * @property mime media type
 * @property caption the writer's caption
 * @property alt what the picture shows
 * @property credit whose it is
 */
public data class NewFile(
    val mime: String,
    val caption: String? = null,
    val alt: String? = null,
    val credit: String? = null,
)

/**
 * What attaching answers.
 *
 * @property attachment the attachment
 * @property entry its entry now
 */
public data class Attached(
    val attachment: AttachmentId,
    val entry: Edited,
)

/**
 * A file that is captured: small, since it is kept in memory.
 *
 * @property mime media type
 * @property bytes its bytes
 */
public class CapturedFile(
    public val mime: String,
    public val bytes: ByteArray,
)
