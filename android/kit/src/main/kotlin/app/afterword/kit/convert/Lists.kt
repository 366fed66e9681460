package app.afterword.kit.convert

import app.afterword.kit.Cursor
import app.afterword.kit.EntryId
import app.afterword.kit.ListFilter
import app.afterword.kit.ListPage
import app.afterword.kit.ListRow
import app.afterword.kit.SearchHit
import app.afterword.kit.SearchPage
import java.time.Instant
import app.afterword.ffi.ListFilter as FfiListFilter
import app.afterword.ffi.ListPage as FfiListPage
import app.afterword.ffi.ListRow as FfiListRow
import app.afterword.ffi.SearchHit as FfiSearchHit
import app.afterword.ffi.SearchPage as FfiSearchPage

internal fun ListFilter.toFfi() = FfiListFilter(from, to, kind?.word(), state?.word(), trashed)

internal fun limit(limit: Int): UInt {
    require(limit > 0) { "a page has at least one row, not $limit" }
    return limit.toUInt()
}

internal fun FfiListPage.toKit() =
    ListPage(rows.map { it.toKit() }, next?.let(::Cursor), unread.toLong(), tooLarge.map(::EntryId))

private fun FfiListRow.toKit() =
    ListRow(
        id = EntryId(id),
        kind = kind.word(),
        title = title,
        day = day,
        createdAt = Instant.ofEpochMilli(createdAtMs),
        updatedAt = Instant.ofEpochMilli(updatedAtMs),
        states = states.map { it.word() },
        audience = audience.word(),
        words = words.toLong(),
        attachments = attachments.toLong(),
        arriving = arriving,
    )

internal fun FfiSearchPage.toKit() =
    SearchPage(total.toLong(), more, unread.toLong(), tooLarge.map(::EntryId), hits.map { it.toKit() })

private fun FfiSearchHit.toKit() =
    SearchHit(
        id = EntryId(id),
        title = title,
        day = day,
        field = `field`,
        excerpt = excerpt,
        ranges = ranges.map { place(excerpt, it.start) until place(excerpt, it.end) },
    )

/** Where in a string of UTF-16 its [codePoint]th code point begins. */
internal fun place(
    text: String,
    codePoint: UInt,
): Int = text.offsetByCodePoints(0, codePoint.toInt())
