package app.afterword.kit

import app.afterword.ffi.InternalException
import java.time.Instant
import app.afterword.ffi.AfterwordException as FfiException
import app.afterword.ffi.Entry as FfiEntry
import app.afterword.ffi.KeyVault as FfiKeyVault
import app.afterword.ffi.KeyVaultException as FfiKeyVaultException
import app.afterword.ffi.Kind as FfiKind
import app.afterword.ffi.ListPage as FfiListPage
import app.afterword.ffi.ListRow as FfiListRow
import app.afterword.ffi.NewEntry as FfiNewEntry
import app.afterword.ffi.SearchHit as FfiSearchHit
import app.afterword.ffi.SearchPage as FfiSearchPage
import app.afterword.ffi.Written as FfiWritten

/** Between what is generated and what this library shows: the one place that knows both. */
internal object Convert {
    fun newEntry(entry: NewEntry) = FfiNewEntry(kind(entry.kind), entry.title, entry.body)

    fun written(written: FfiWritten) =
        Written(EntryId(written.id), kind(written.kind), written.title, Heads(written.heads))

    fun entry(entry: FfiEntry) =
        Entry(
            id = EntryId(entry.id),
            kind = kind(entry.kind),
            title = entry.title,
            body = entry.body,
            heads = Heads(entry.heads),
            createdAt = Instant.ofEpochMilli(entry.createdAtMs),
            updatedAt = Instant.ofEpochMilli(entry.updatedAtMs),
        )

    fun listPage(page: FfiListPage) = ListPage(page.rows.map(::listRow), page.next?.let(::Cursor), page.unread.toLong())

    private fun listRow(row: FfiListRow) =
        ListRow(
            id = EntryId(row.id),
            kind = kind(row.kind),
            title = row.title,
            day = row.day,
            createdAt = Instant.ofEpochMilli(row.createdAtMs),
            updatedAt = Instant.ofEpochMilli(row.updatedAtMs),
            words = row.words.toLong(),
            attachments = row.attachments.toLong(),
            arriving = row.arriving,
        )

    fun searchPage(page: FfiSearchPage) =
        SearchPage(page.total.toLong(), page.more, page.unread.toLong(), page.hits.map(::searchHit))

    private fun searchHit(hit: FfiSearchHit) =
        SearchHit(
            id = EntryId(hit.id),
            title = hit.title,
            day = hit.day,
            field = hit.field,
            excerpt = hit.excerpt,
            ranges = hit.ranges.map { place(hit.excerpt, it.start) until place(hit.excerpt, it.end) },
        )

    /** Where in a string of UTF-16 its [codePoint]th code point begins. */
    private fun place(
        text: String,
        codePoint: UInt,
    ) = text.offsetByCodePoints(0, codePoint.toInt())

    fun limit(limit: Int): UInt {
        require(limit > 0) { "a page has at least one row, not $limit" }
        return limit.toUInt()
    }

    private fun kind(kind: FfiKind) =
        when (kind) {
            FfiKind.FAILURE -> Kind.FAILURE
            FfiKind.LOSS -> Kind.LOSS
            FfiKind.VENT -> Kind.VENT
            FfiKind.EXPERIMENT -> Kind.EXPERIMENT
            FfiKind.WIN -> Kind.WIN
            FfiKind.NOTE -> Kind.NOTE
        }

    private fun kind(kind: Kind) =
        when (kind) {
            Kind.FAILURE -> FfiKind.FAILURE
            Kind.LOSS -> FfiKind.LOSS
            Kind.VENT -> FfiKind.VENT
            Kind.EXPERIMENT -> FfiKind.EXPERIMENT
            Kind.WIN -> FfiKind.WIN
            Kind.NOTE -> FfiKind.NOTE
        }

    /** What [call] gives; what it throws, as this library's own. */
    fun <T> failures(call: () -> T): T =
        try {
            call()
        } catch (thrown: FfiException) {
            throw failure(thrown)
        } catch (_: InternalException) {
            // A panic's text may quote what a person wrote, so nothing of it is carried on.
            throw AfterwordException.Internal(
                "something went wrong inside Afterword",
                "nothing that was saved is lost; open the journal again, and report what was done",
            )
        }

    fun failure(thrown: FfiException): AfterwordException =
        when (thrown) {
            is FfiException.Locked -> AfterwordException.Locked(thrown.sentence, thrown.hint)
            is FfiException.KeyGone -> AfterwordException.KeyGone(thrown.sentence, thrown.hint)
            is FfiException.WrongKey -> AfterwordException.WrongKey(thrown.sentence, thrown.hint)
            is FfiException.Corrupt -> AfterwordException.Corrupt(thrown.sentence, thrown.hint)
            is FfiException.TooNew -> AfterwordException.TooNew(thrown.sentence, thrown.hint)
            is FfiException.NotFound -> AfterwordException.NotFound(thrown.sentence, thrown.hint)
            is FfiException.Ambiguous -> AfterwordException.Ambiguous(thrown.sentence, thrown.hint)
            is FfiException.Invalid -> AfterwordException.Invalid(thrown.sentence, thrown.hint)
            is FfiException.StorageFull -> AfterwordException.StorageFull(thrown.sentence, thrown.hint)
            is FfiException.Unreachable -> AfterwordException.Unreachable(thrown.sentence, thrown.hint)
            is FfiException.Refused -> AfterwordException.Refused(thrown.sentence, thrown.hint)
            is FfiException.Cancelled -> AfterwordException.Cancelled(thrown.sentence, thrown.hint)
            is FfiException.Internal -> AfterwordException.Internal(thrown.sentence, thrown.hint)
        }

    fun vault(vault: KeyVault): FfiKeyVault =
        object : FfiKeyVault {
            override fun store(
                name: String,
                secret: ByteArray,
            ) = vaultFailures { vault.store(name, secret) }

            override fun load(name: String): ByteArray? = vaultFailures { vault.load(name) }

            override fun delete(name: String) = vaultFailures { vault.delete(name) }
        }

    private fun <T> vaultFailures(call: () -> T): T =
        try {
            call()
        } catch (thrown: KeyVaultException) {
            throw when (thrown) {
                is KeyVaultException.Locked -> FfiKeyVaultException.Locked()
                is KeyVaultException.Failed -> FfiKeyVaultException.Failed(thrown.reason)
            }
        }
}
