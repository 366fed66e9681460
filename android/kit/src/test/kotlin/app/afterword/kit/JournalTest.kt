package app.afterword.kit

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assertions.fail
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.io.File

/** A journal kept through the kit, on the real core. */
class JournalTest {
    @TempDir
    lateinit var folder: File

    private val home get() = File(folder, "journal")
    private val vault = MemoryVault()

    private val title = "Prüfung 🧗🏽‍♀️ اختبار 試験"
    private val body = "Ich fiel durch. 👩‍👩‍👧‍👦\n\nفشلت في الاختبار أمام الجميع.\n\n試験に落ちた。でも友達がいた。"

    /** Creates a journal, lets [use] use it, shuts it down. */
    private suspend fun <T> created(use: suspend (Journal) -> T): T {
        val made = Journal.create(home, "phone", vault)
        assertEquals(24, made.recoveryPhrase.split(" ").size)
        return closing(made.journal, use)
    }

    private suspend fun <T> opened(use: suspend (Journal) -> T): T = closing(Journal.open(home, vault), use)

    private suspend fun <T> closing(
        journal: Journal,
        use: suspend (Journal) -> T,
    ): T =
        try {
            use(journal)
        } finally {
            journal.shutdown()
        }

    private suspend inline fun <reified E : AfterwordException> failing(
        text: String,
        crossinline call: suspend () -> Unit,
    ) {
        try {
            call()
        } catch (thrown: AfterwordException) {
            assertTrue(thrown is E, "$thrown")
            assertEquals(text, thrown.message)
            assertEquals(text, "${thrown.sentence}; ${thrown.hint}")
            return
        }
        fail<Unit>("nothing was thrown")
    }

    @Test
    fun `what was written is there again, in every script`() =
        runBlocking {
            val written =
                created { journal ->
                    val written = journal.createEntry(NewEntry(Kind.FAILURE, title, body))
                    assertEquals(title, written.title)
                    assertEquals(Kind.FAILURE, written.kind)
                    check(journal, written)
                    written
                }
            opened { journal -> check(journal, written) }
        }

    private suspend fun check(
        journal: Journal,
        written: Written,
    ) {
        val entry = journal.show(written.id)
        assertEquals(written, Written(entry.id, entry.kind, entry.title, entry.heads))
        assertEquals(body, entry.body)
        assertFalse(entry.updatedAt < entry.createdAt)
        val page = journal.list()
        assertEquals(listOf(written.id to title), page.rows.map { it.id to it.title })
        assertNull(page.next)
        assertFalse(page.rows.single().arriving)
        for (word in listOf("durch", "الاختبار", "友達", "\"試験に落ちた\"", "Prüf*")) {
            val found = journal.search(word)
            assertEquals(listOf(written.id), found.hits.map { it.id }, word)
            assertEquals(1, found.total)
        }
    }

    @Test
    fun `what matched is marked in this platform's own strings`() =
        runBlocking {
            created { journal ->
                journal.createEntry(NewEntry(Kind.NOTE, "Emoji", "🧗🏽‍♀️🧗🏽‍♀️ wieder gefallen, 友達 lachte"))
                for (word in listOf("gefallen", "友達")) {
                    val hit = journal.search(word).hits.single()
                    assertEquals(listOf(word), hit.ranges.map(hit.excerpt::substring))
                }
            }
        }

    @Test
    fun `pages follow one another`() =
        runBlocking {
            created { journal ->
                val written = (1..5).map { journal.createEntry(NewEntry(Kind.WIN, "entry $it")).id }
                val seen = mutableListOf<EntryId>()
                var after: Cursor? = null
                do {
                    val page = journal.list(limit = 2, after = after)
                    seen += page.rows.map { it.id }
                    after = page.next
                } while (after != null)
                assertEquals(written.toSet(), seen.toSet())
                assertEquals(5, seen.size)
            }
        }

    @Test
    fun `many coroutines write at once`() =
        runBlocking {
            created { journal ->
                val written = (1..40).map { async { journal.createEntry(NewEntry(Kind.NOTE, "at once $it")) } }.awaitAll()
                assertEquals(written.map { it.id }.toSet(), journal.list().rows.map { it.id }.toSet())
            }
        }

    @Test
    fun `after a shutdown everything says so, and a second one does nothing`() =
        runBlocking {
            val journal = Journal.create(home, "phone", vault).journal
            journal.shutdown()
            journal.shutdown()
            failing<AfterwordException.Locked>("the journal was shut down; open it again") { journal.list() }
            failing<AfterwordException.Locked>("the journal was shut down; open it again") {
                journal.createEntry(NewEntry(Kind.NOTE, "too late"))
            }
        }

    @Test
    fun `a caller that is cancelled loses nothing that was saved, and the journal goes on`() =
        runBlocking {
            created { journal ->
                repeat(20) {
                    val writing = launch { journal.createEntry(NewEntry(Kind.NOTE, "perhaps")) }
                    Thread.sleep(it.toLong() / 4)
                    writing.cancelAndJoin()
                }
                val kept = journal.list(limit = 100).rows.size
                val last = journal.createEntry(NewEntry(Kind.NOTE, "certainly"))
                assertEquals(kept + 1, journal.list(limit = 100).rows.size)
                assertEquals("certainly", journal.show(last.id).title)
            }
        }

    @Test
    fun `a journal that opened is handed over although its caller was cancelled`() =
        runBlocking {
            created { }
            var handed: Journal? = null
            val opening =
                launch(start = CoroutineStart.UNDISPATCHED) {
                    handed = Journal.open(home, vault)
                }
            opening.cancelAndJoin()
            assertTrue(opening.isCancelled)
            assertTrue(handed != null, "it was lost, open and in nobody's hands")
            handed?.shutdown()
            Unit
        }

    @Test
    fun `what makes no sense is refused in words`() =
        runBlocking {
            failing<AfterwordException.NotFound>(
                "there is no journal in $home; make one with `afterword init`, or name its folder with --home",
            ) { Journal.open(home, vault) }
            created { journal ->
                failing<AfterwordException.Invalid>(
                    "this folder already holds a journal; open it, or choose another folder with --home",
                ) { Journal.create(home, "phone", vault) }
                failing<AfterwordException.Invalid>(
                    "an entry is named by the first characters of its id (0-9, a-f); copy it from `afterword list`",
                ) { journal.show(EntryId("no such id")) }
                failing<AfterwordException.Invalid>(
                    "that is not a place in a list; use the `next` of the page before",
                ) { journal.list(after = Cursor("nowhere")) }
            }
        }
}
