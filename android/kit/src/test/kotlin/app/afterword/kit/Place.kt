package app.afterword.kit

import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import java.io.File
import java.nio.file.Files
import kotlin.time.Duration.Companion.seconds

/** Where the project is: what the tests read of it. */
internal val projectRoot = File(System.getProperty("afterword.root") ?: ".")

/** Nothing takes longer than this, except where something is wrong. */
internal val soon = 30.seconds

/** A folder for a journal, and the vault that keeps its key. */
internal class Place : AutoCloseable {
    private val folder: File = Files.createTempDirectory("afterword").toFile()
    val home = File(folder, "journal")
    val vault = MemoryVault()

    /** Creates a journal here, lets [use] use it, shuts it down. */
    suspend fun <T> created(use: suspend (Journal) -> T): T = Journal.create(home, "phone", vault).journal.closing(use)

    /** Opens the journal that is here. */
    suspend fun <T> opened(use: suspend (Journal) -> T): T = Journal.open(home, vault).closing(use)

    override fun close() {
        folder.deleteRecursively()
    }
}

internal suspend fun <T> Journal.closing(use: suspend (Journal) -> T): T =
    try {
        use(this)
    } finally {
        shutdown()
    }

/** A scenario: a place of its own, which is gone afterwards, and an end even if something waits for ever. */
internal fun scenario(run: suspend (Place) -> Unit): Unit =
    runBlocking { Place().use { place -> withTimeout(soon * 4) { run(place) } } }

/** Looks again and again: only for what no event tells of. */
internal suspend fun <T : Any> until(
    what: String,
    look: suspend () -> T?,
): T {
    val end = System.nanoTime() + soon.inWholeNanoseconds
    while (System.nanoTime() < end) {
        look()?.let { return it }
        delay(5)
    }
    throw AssertionError("never came about: $what")
}

/** What is thrown is an [E], with exactly this text. */
internal suspend inline fun <reified E : AfterwordException> failing(
    text: String,
    call: () -> Unit,
): E {
    val thrown =
        try {
            call()
            null
        } catch (thrown: AfterwordException) {
            thrown
        }
    assertTrue(thrown is E, "$thrown instead of: $text")
    assertEquals(text, thrown?.message)
    assertEquals(text, "${thrown?.sentence}; ${thrown?.hint}")
    return thrown as E
}

internal const val PAUSED = "the journal is paused; resume it first"
internal const val ENDED = "the journal was shut down; open it again"
internal const val SHUT = "the journal is locked; unlock the device and try again"
internal const val BROKEN = "a bug in Afterword stopped this journal; start the app anew; what was saved is saved"
internal const val FULL = "the disk is full; nothing was changed; free some space and try again"

/** Every row of the list, page by page. */
internal suspend fun Journal.everyRow(limit: Int = 100): List<ListRow> {
    val rows = mutableListOf<ListRow>()
    var after: Cursor? = null
    do {
        val page = list(limit = limit, after = after)
        assertTrue(page.rows.size <= limit)
        rows += page.rows
        after = page.next
    } while (after != null)
    return rows
}

internal fun note(
    title: String = "",
    body: String = "",
) = NewEntry(Kind.NOTE, title, body)
