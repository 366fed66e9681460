package app.afterword.kit

import java.time.Instant

/**
 * Which entries to list: all that are not put away, where nothing else is said. Days are `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
 *
 * @property from from this day on
 * @property to up to this day, month or year
 * @property kind of this kind
 * @property state in this state, today
 * @property trashed those put away, and no others
 */
public data class ListFilter(
    val from: String? = null,
    val to: String? = null,
    val kind: Kind? = null,
    val state: InnerState? = null,
    val trashed: Boolean = false,
)

/**
 * One row of a list: all that is shown there, without opening the entry.
 *
 * @property id the entry
 * @property kind what it is about
 * @property title its title, people as `@Name`
 * @property day the day it is filed under, as exactly as it is known: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`
 * @property createdAt when it was begun
 * @property updatedAt when it was last changed
 * @property states where the writer stands with it, today
 * @property audience who can read it
 * @property words how many words it has
 * @property attachments how many attachments
 * @property arriving announced by another device, and not here yet: it can't be shown
 */
public data class ListRow(
    val id: EntryId,
    val kind: Kind,
    val title: String,
    val day: String,
    val createdAt: Instant,
    val updatedAt: Instant,
    val states: List<InnerState>,
    val audience: Audience,
    val words: Long,
    val attachments: Long,
    val arriving: Boolean,
)

/**
 * One page of a list, newest first.
 *
 * @property rows the rows
 * @property next where the next page begins; null after the last
 * @property unread entries that are not read yet, and may be missing or stale here
 * @property tooLarge entries that are too large to be opened on this device; a row of one is as it was read last
 */
public data class ListPage(
    val rows: List<ListRow>,
    val next: Cursor?,
    val unread: Long,
    val tooLarge: List<EntryId>,
)

/**
 * One entry found.
 *
 * @property id the entry
 * @property title its title, people as `@Name`
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
 * @property tooLarge entries that are too large to be opened on this device
 * @property hits the first of them
 */
public data class SearchPage(
    val total: Long,
    val more: Boolean,
    val unread: Long,
    val tooLarge: List<EntryId>,
    val hits: List<SearchHit>,
)
