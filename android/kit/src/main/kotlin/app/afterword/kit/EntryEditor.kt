package app.afterword.kit

import app.afterword.kit.convert.failures
import app.afterword.kit.convert.place
import app.afterword.kit.convert.toFfi
import app.afterword.kit.convert.toKit
import app.afterword.ffi.EntryEditor as FfiEntryEditor

/**
 * The texts of one entry while they are written: [Journal.editor].
 *
 * What is typed is durable within a second, and becomes one change when the writer rests, leaves, or a sync begins. What
 * another device wrote meanwhile is merged then, never overwritten; [JournalEvent.EntryChanged] tells of it, and [takeIn]
 * brings it into the window. [finish] when the writer leaves; an editor that is only [close]d leaves what was typed to the
 * next editor, as a draft.
 *
 * @property entry the entry
 */
public class EntryEditor internal constructor(
    private val editor: FfiEntryEditor,
    public val entry: EntryId,
) : AutoCloseable {
    /** Every text of the entry that can be written, drafts in the place of what is saved. */
    public suspend fun texts(): List<EditorText> = working { editor.texts().map { it.toKit() } }

    /**
     * A text as it is now typed; [base] are the heads that came with it. Call it at every letter, from the main thread too:
     * it only notes the text in memory, so that letters arrive in their order.
     *
     * @throws AfterwordException.Refused after [finish]
     */
    public fun type(
        field: TextField,
        base: Heads,
        text: String,
    ): Unit = failures { editor.typeText(field.toFfi(), base.hashes, text) }

    /** Makes one change of everything that was typed. Null where nothing was. */
    public suspend fun save(): Edited? = working { editor.save()?.toKit() }

    /**
     * Saves, and says what a text reads with everything that came meanwhile. [cursor] is where the writer stands in [shown],
     * what the window shows; in [MergedText.cursor] it stands behind the same letters.
     */
    public suspend fun takeIn(
        field: TextField,
        shown: String,
        cursor: Int,
    ): MergedText {
        val codePoints = shown.codePointCount(0, cursor).toUInt()
        return working {
            val merged = editor.takeIn(field.toFfi(), codePoints)
            MergedText(merged.text.toKit(), place(merged.text.text, merged.cursor), merged.changed)
        }
    }

    /** Saves what was typed and ends the editor. A second time does nothing. */
    public suspend fun finish(): Edited? = working { editor.finish()?.toKit() }

    /** Lets go of the editor, without waiting for the collector of garbage. Nothing else may be called later. */
    override fun close(): Unit = editor.destroy()
}

/**
 * One text as its writer sees it.
 *
 * @property field which text
 * @property heads what typing names as its base
 * @property text what it says: what was typed, if that is no change yet
 * @property isDraft whether it is a draft
 */
public data class EditorText(
    val field: TextField,
    val heads: Heads,
    val text: String,
    val isDraft: Boolean,
)

/**
 * What a text says once everything is merged.
 *
 * @property text the text and its heads, the base of what is typed from now on
 * @property cursor where the cursor is now, as a place in that text
 * @property changed whether it says anything else than what was typed
 */
public data class MergedText(
    val text: EditorText,
    val cursor: Int,
    val changed: Boolean,
)
