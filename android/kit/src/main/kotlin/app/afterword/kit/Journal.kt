package app.afterword.kit

import app.afterword.ffi.Engine
import app.afterword.ffi.createJournal
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.withContext
import java.io.File

/**
 * One open journal on this device.
 *
 * Every call may come from any thread and returns when its work is done: what [createEntry] answers is durable. The work is
 * done on [Dispatchers.IO]; a coroutine that is cancelled meanwhile stops waiting, but a write that has begun is finished.
 * Keep one journal for the life of the process and [shutdown] it where the platform allows; calls after that throw
 * [AfterwordException.Locked].
 */
public class Journal private constructor(
    private val engine: Engine,
) {
    /** A new entry, durable when this returns. */
    public suspend fun createEntry(entry: NewEntry): Written =
        working { Convert.written(engine.createEntry(Convert.newEntry(entry))) }

    /** The entry as it reads now. */
    public suspend fun show(id: EntryId): Entry = working { Convert.entry(engine.show(id.text)) }

    /** One page of entries, newest first; [after] is the [ListPage.next] of the page before. */
    public suspend fun list(
        limit: Int = 100,
        after: Cursor? = null,
    ): ListPage = working { Convert.listPage(engine.list(Convert.limit(limit), after?.text)) }

    /** Searches words, `"phrases"`, and beginnings of words with a star behind them. */
    public suspend fun search(
        query: String,
        limit: Int = 50,
    ): SearchPage = working { Convert.searchPage(engine.search(query, Convert.limit(limit))) }

    /** Waits for the calls that are running, then closes the journal. Done twice, it does nothing. */
    public suspend fun shutdown(): Unit = unbroken { engine.shutdown() }

    public companion object {
        /**
         * A new journal in the folder [home], whose first member is this device, called [deviceName]. [vault] keeps its key.
         *
         * @throws AfterwordException.Invalid if there is a journal in [home]
         */
        public suspend fun create(
            home: File,
            deviceName: String,
            vault: KeyVault,
        ): NewJournal =
            unbroken {
                val created = createJournal(home.path, deviceName, Convert.vault(vault))
                NewJournal(Journal(created.engine), created.phrase)
            }

        /**
         * Opens the journal in the folder [home].
         *
         * @throws AfterwordException.NotFound if there is none
         * @throws AfterwordException.Locked if [vault] can't tell now whether it holds the key
         * @throws AfterwordException.KeyGone if it holds none
         * @throws AfterwordException.WrongKey if it holds another
         */
        public suspend fun open(
            home: File,
            vault: KeyVault,
        ): Journal = unbroken { Journal(Engine.open(home.path, Convert.vault(vault))) }
    }
}

/**
 * A journal that was just made.
 *
 * @property journal the journal, open
 * @property recoveryPhrase the 24 words that open it without this device: show them once, keep them nowhere
 */
public class NewJournal internal constructor(
    public val journal: Journal,
    public val recoveryPhrase: String,
)

private suspend fun <T> working(call: () -> T): T = withContext(Dispatchers.IO) { Convert.failures(call) }

/** Hands over what [call] gives even if the caller is cancelled meanwhile: nobody else could close an open journal. */
private suspend fun <T> unbroken(call: () -> T): T = withContext(NonCancellable) { working(call) }
