package app.afterword.kit

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Duration
import java.time.Instant

private const val TITLE = "Prüfung 🧗🏽‍♀️ اختبار 試験"
private const val BODY = "Ich fiel durch. 👩‍👩‍👧‍👦\n\nفشلت في الاختبار أمام الجميع.\n\n試験に落ちた。でも友達がいた。"

/** The scenarios of what is written, read and found. */
class WritingTest {
    @Test
    fun s02Write() =
        scenario { place ->
            val written =
                place.created { journal ->
                    val written = journal.createEntry(NewEntry(Kind.FAILURE, TITLE, BODY))
                    assertEquals(TITLE to Kind.FAILURE, written.title to written.kind)
                    check(journal, written)
                    written
                }
            place.opened { check(it, written) }
        }

    private suspend fun check(
        journal: Journal,
        written: Edited,
    ) {
        val entry = journal.show(written.id)
        assertEquals(written, Edited(entry.id, entry.kind, entry.title, entry.heads, emptyList()))
        assertEquals(listOf(BODY, BODY), listOf(entry.body, entry.firstTelling))
        assertTrue(entry.updatedAt >= entry.createdAt)
        assertTrue(Duration.between(entry.createdAt, Instant.now()).abs() < Duration.ofMinutes(10))
        val page = journal.list()
        val row = page.rows.single()
        assertEquals(Triple(written.id, TITLE, entry.day), Triple(row.id, row.title, row.day))
        assertNull(page.next)
        assertFalse(row.arriving)
        for (word in listOf("durch", "الاختبار", "友達", "\"試験に落ちた\"", "Prüf*")) {
            val found = journal.search(word)
            assertEquals(listOf(written.id), found.hits.map { it.id }, word)
            assertEquals(1, found.total)
        }
    }

    @Test
    fun s03EditAtAnOldBase() =
        scenario {
            var begun: Edited? = null
            Two.joined(prepare = { begun = it.createEntry(note("T", "one two three 🌱")) }) { two ->
                val (id, heads) = begun!!.let { it.id to it.heads }
                val elsewhere = two.laptop.edit(id, Edit.SetText(TextField.Body, heads, "ONE two three 🌱"))
                two.phone.editor(id).use { editor ->
                    coroutineScope {
                        val heard =
                            async(start = CoroutineStart.UNDISPATCHED) {
                                two.phone.events.first { it == JournalEvent.EntryChanged(id, elsewhere.heads) }
                            }
                        assertTrue(two.sync().equal)
                        heard.await()
                    }
                    // The writer goes on with what stands in the window.
                    val window = "one two THREE 🌱"
                    editor.type(TextField.Body, heads, window)
                    val merged = editor.takeIn(TextField.Body, window, cursor = window.length - "🌱".length)
                    assertEquals("ONE two THREE 🌱", merged.text.text)
                    assertEquals("🌱", merged.text.text.substring(merged.cursor))
                    assertTrue(merged.changed && !merged.text.isDraft)
                    editor.finish()
                }
                // At the same old base once more, without an editor.
                two.phone.edit(id, Edit.SetText(TextField.Body, heads, "one two three 🌱 four"))
                assertTrue(two.sync().equal)
                for (journal in listOf(two.phone, two.laptop)) {
                    assertEquals("ONE two THREE 🌱 four", journal.show(id).body)
                }
            }
        }

    @Test
    fun s30IdsOfWhatIsMade() =
        scenario { place ->
            place.created { journal ->
                val id = journal.createEntry(note("Rain", "")).id
                val edited =
                    journal.edit(
                        id,
                        Edit.AddItem(ItemKind.LESSON, "Ask"),
                        Edit.AddSection(NewSection("And now?", "Better")),
                        Edit.AddReflection("2024-05-17", "It passed"),
                    )
                val shown = journal.show(id)
                val item = shown.items.single()
                val section = shown.sections.last()
                assertEquals("Better", section.text)
                assertEquals(
                    listOf(Part.Item(item.id), Part.Section(section.id), Part.Reflection(shown.reflections.single().id)),
                    edited.parts,
                )
                assertEquals(shown.heads, edited.heads)
                assertEquals(emptyList<Part>(), journal.edit(id, Edit.SetItemState(item.id, ItemState.DONE)).parts)
                assertEquals(ItemState.DONE, journal.show(id).items.single().state)
            }
        }

    @Test
    fun s04DraftSurvives() =
        scenario { place ->
            val id = place.created { it.createEntry(note(body = "begun")).id }
            Place().use { killed ->
                place.opened { journal ->
                    val editor = journal.editor(id)
                    assertEquals(id, editor.entry)
                    val text = editor.texts().single { it.field == TextField.Body }
                    assertEquals("begun" to false, text.text to text.isDraft)
                    editor.type(TextField.Body, text.heads, "begun, and")
                    editor.type(TextField.Body, text.heads, "begun, and typed 🖋️")
                    // What is durable another engine sees. It is not shut down before the copy: that would save the draft.
                    place.opened { other ->
                        until("the draft is durable") {
                            other.editor(id).use { it.texts() }.find { it.isDraft && it.text.endsWith("🖋️") }
                        }
                        // What a killed program leaves behind: its folder as it is now.
                        place.home.copyRecursively(killed.home)
                    }
                }
                killed.vault.all = place.vault.all
                killed.opened { journal ->
                    journal.editor(id).use { editor ->
                        val text = editor.texts().single { it.field == TextField.Body }
                        assertEquals("begun, and typed 🖋️", text.text)
                        // On a computer that is very busy the writer may have rested already.
                        assertEquals(if (text.isDraft) "begun" else text.text, journal.show(id).body)
                        val written = editor.finish()
                        assertEquals(text.isDraft, written != null)
                        assertEquals("begun, and typed 🖋️", journal.show(id).body)
                        assertNull(editor.finish())
                    }
                }
            }
        }

    @Test
    fun s06Page() =
        scenario { place ->
            place.created { journal ->
                val count = 10_000
                val written =
                    coroutineScope {
                        (0 until 8).map { writer ->
                            async(Dispatchers.IO) { (writer until count step 8).map { journal.createEntry(note("$it")).id } }
                        }
                    }.awaitAll().flatten().toSet()
                assertEquals(count, written.size)
                val rows = journal.everyRow(limit = 250)
                assertEquals(count, rows.size)
                assertEquals(written, rows.map { it.id }.toSet())
                assertTrue(rows.zipWithNext().all { (newer, older) -> newer.createdAt >= older.createdAt })
                val first = journal.list(limit = 1)
                assertEquals(rows.first().id, first.rows.single().id)
                assertNotNull(first.next)
            }
        }

    @Test
    fun s07Search() =
        scenario { place ->
            place.created { journal ->
                val text = "🧗🏽‍♀️🧗🏽‍♀️ wieder gefallen, 友達 lachte: the phone rang twice"
                val id = journal.createEntry(note("Emoji", text)).id
                journal.createEntry(note("Other", "a phone that never rang"))
                val cases =
                    listOf(
                        "gefallen" to listOf("gefallen"),
                        "友達" to listOf("友達"),
                        "\"phone rang\"" to listOf("phone", "rang"),
                        "gefal*" to listOf("gefallen"),
                        "lachte twice" to listOf("lachte", "twice"),
                    )
                for ((query, words) in cases) {
                    val found = journal.search(query)
                    assertEquals(1L to false, found.total to found.more, query)
                    val hit = found.hits.single()
                    assertEquals(Triple(id, "Emoji", "body"), Triple(hit.id, hit.title, hit.field))
                    // A phrase may be one range.
                    val marked = hit.ranges.map(hit.excerpt::substring)
                    assertTrue(marked == words || marked == listOf(words.joinToString(" ")), "$query: $marked")
                }
                assertEquals(2, journal.search("phone").total)
                assertEquals(0, journal.search("gefal").total)
            }
        }

    /** Some calls are given up before they begin, some while they run, some are done. What is there is whole. */
    @Test
    fun s15CancelMidCall() =
        scenario { place ->
            place.created { journal ->
                coroutineScope {
                    repeat(40) { number ->
                        val writing = launch(start = CoroutineStart.UNDISPATCHED) { journal.createEntry(note("$number", "whole")) }
                        // Another call's time is how long this one has.
                        if (number % 3 > 0) journal.list(limit = number % 3)
                        writing.cancelAndJoin()
                        assertTrue(writing.isCancelled || writing.isCompleted)
                    }
                }
                // What runs on unseen ends before the journal is paused.
                journal.pause()
                journal.resume()
                val rows = journal.everyRow()
                assertTrue(rows.isNotEmpty() && rows.size <= 40, "${rows.size}")
                for (row in rows) assertEquals("whole", journal.show(row.id).body)
                assertTrue(journal.doctor().ok)
                journal.createEntry(note("certainly"))
                assertEquals(rows.size + 1, journal.everyRow().size)
            }
        }
}
