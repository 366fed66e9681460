package app.afterword.kit

import java.time.Instant

/**
 * The name of an entry.
 *
 * @property text 32 hexadecimal digits; their beginning names the entry too, where it is the only one that begins so
 */
@JvmInline
public value class EntryId(public val text: String) {
    override fun toString(): String = text
}

/**
 * A place in a list: where the next page begins.
 *
 * @property text one opaque word, which may be kept and given back later
 */
@JvmInline
public value class Cursor(public val text: String)

/**
 * A state of an entry: what an edit names as its base, so that it never undoes what another device wrote meanwhile.
 *
 * @property hashes opaque words
 */
@JvmInline
public value class Heads(public val hashes: List<String>)

/** What an entry is about. */
public enum class Kind {
    /** Something went wrong. */
    FAILURE,

    /** Something or someone is gone. No causes are asked for. */
    LOSS,

    /** One empty page, no prompts. */
    VENT,

    /** A small failure on purpose. */
    EXPERIMENT,

    /** Something went right; evidence for a bad hour. */
    WIN,

    /** Anything else. */
    NOTE,
}

/**
 * What a writer begins an entry with.
 *
 * @property title its title, people as `@Name`
 * @property body Markdown, people as `@Name`
 */
public data class NewEntry(
    val kind: Kind,
    val title: String = "",
    val body: String = "",
)

/**
 * What a write answers.
 *
 * @property title the title as it reads now
 * @property heads the base of the next edit
 */
public data class Written(
    val id: EntryId,
    val kind: Kind,
    val title: String,
    val heads: Heads,
)

/**
 * One entry as it reads now.
 *
 * @property title its title, people as `@Name`
 * @property body the main section's Markdown, people as `@Name`
 * @property heads the base of the next edit
 */
public data class Entry(
    val id: EntryId,
    val kind: Kind,
    val title: String,
    val body: String,
    val heads: Heads,
    val createdAt: Instant,
    val updatedAt: Instant,
)

/**
 * One row of a list: all that is shown there, without opening the entry.
 *
 * @property day the day it is filed under, as exactly as it is known: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`
 * @property arriving announced by another device, and not here yet: it can't be shown
 */
public data class ListRow(
    val id: EntryId,
    val kind: Kind,
    val title: String,
    val day: String,
    val createdAt: Instant,
    val updatedAt: Instant,
    val words: Long,
    val attachments: Long,
    val arriving: Boolean,
)

/**
 * One page of a list, newest first.
 *
 * @property next where the next page begins; null after the last
 * @property unread entries that are not read yet, and may be missing or stale here
 */
public data class ListPage(
    val rows: List<ListRow>,
    val next: Cursor?,
    val unread: Long,
)

/**
 * One entry found.
 *
 * @property day the day it is filed under
 * @property field where in the entry: title, body, section, item, reflection, closure
 * @property excerpt text around the hit
 * @property ranges what matched in [excerpt], as places in this string: `excerpt.substring(range)`
 */
public data class SearchHit(
    val id: EntryId,
    val title: String,
    val day: String,
    val field: String,
    val excerpt: String,
    val ranges: List<IntRange>,
)

/**
 * What a search found: title hits first, then the rest, newest first.
 *
 * @property total how many entries match, as far as was looked
 * @property more whether there are, or may be, more than that
 * @property unread entries not yet indexed
 */
public data class SearchPage(
    val total: Long,
    val more: Boolean,
    val unread: Long,
    val hits: List<SearchHit>,
)
