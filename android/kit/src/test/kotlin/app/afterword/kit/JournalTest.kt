package app.afterword.kit

import app.afterword.kit.convert.toFfi
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.ByteArrayInputStream
import java.util.concurrent.CountDownLatch
import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** What the scenarios do not touch: every edit, earlier readings, filters, care, and who is cancelled. */
class JournalTest {
    @Test
    fun `every edit does what it says`() =
        scenario { place ->
            place.created { journal ->
                val other = journal.createEntry(NewEntry(Kind.WIN, "other")).id
                val sections = listOf(NewSection("Why?", "because"), NewSection("Then?", "then"))
                val id = journal.createEntry(NewEntry(Kind.NOTE, "all of it", "told", sections, "2024-05")).id
                val begun = journal.show(id)
                assertEquals(listOf("told", "because", "then") to "2024-05", begun.sections.map { it.text } to begun.happened)
                done(journal, begun, other)
                undone(journal, journal.show(id), other)
                closedAndDescribed(journal, journal.show(id))
            }
        }

    private val answers = Experiment("they laugh", 70, attempted = true)

    private suspend fun done(
        journal: Journal,
        begun: Entry,
        other: EntryId,
    ) {
        // Nobody has a name here yet: nothing that is exported gives one.
        val somebody = PersonId("abcdefghi2")
        assertEquals(emptyList<Person>(), journal.people())
        journal.edit(
            begun.id,
            Edit.SetText(TextField.Section(begun.sections[1].id), begun.heads, "because of it"),
            Edit.RetireSection(begun.sections[2].id),
            Edit.AddSection(NewSection("And?", "and")),
            Edit.AddItem(ItemKind.LESSON, "look up"),
            Edit.AddItem(ItemKind.ACTION, "call"),
            Edit.AddItem(ItemKind.WANT, "away"),
            Edit.AddReflection("2024-06-01", "calmer"),
            Edit.AddMark(Mark(MarkGroup.TAGS, "work")),
            Edit.AddMark(Mark(MarkGroup.FEELINGS, "shame")),
            Edit.SetHappened("2024-05-03"),
            Edit.SetKind(Kind.EXPERIMENT),
            Edit.AddLink(Link(other, LinkKind.REPEATS)),
            Edit.SetMuted(true),
            Edit.SetTrashed(true),
            Edit.SetNextMove(NextMove.AROUND),
            Edit.SetExperiment(answers),
            Edit.Seal,
            Edit.SetPerson(somebody, "witness", "no"),
            Edit.SetBox(Box.Until("2999-01-01")),
        )
        val entry = journal.show(begun.id)
        assertEquals(listOf("told", "because of it", "and"), entry.sections.map { it.text })
        assertEquals(listOf(ItemKind.LESSON, ItemKind.ACTION, ItemKind.WANT), entry.items.map { it.kind })
        assertEquals(listOf("look up", "call", "away"), entry.items.map { it.text })
        assertEquals(listOf("2024-06-01" to "calmer"), entry.reflections.map { it.day to it.text })
        assertEquals(setOf(Mark(MarkGroup.TAGS, "work"), Mark(MarkGroup.FEELINGS, "shame")), entry.marks.toSet())
        assertEquals(listOf("2024-05-03", "2024-05-03"), listOf(entry.happened, entry.day))
        assertEquals(Kind.EXPERIMENT to answers, entry.kind to entry.experiment)
        assertEquals(listOf(Link(other, LinkKind.REPEATS)), entry.links)
        assertTrue(entry.isMuted && entry.isTrashed && InnerState.BOXED in entry.states)
        assertEquals(Triple(NextMove.AROUND, 1, Box.Until("2999-01-01")), Triple(entry.nextMove, entry.seals.size, entry.box))
        assertEquals(listOf(PersonPart(somebody, null, "witness", "no")), entry.people)
        assertEquals("told", entry.firstTelling)
    }

    private suspend fun undone(
        journal: Journal,
        before: Entry,
        other: EntryId,
    ) {
        val later = answers.copy(happened = "nobody did", fearAfter = 20, again = true)
        journal.edit(
            before.id,
            Edit.SetItemState(before.items[1].id, ItemState.DONE),
            Edit.SetItemDay(before.items[1].id, "2024-07"),
            Edit.RetireItem(before.items[2].id),
            Edit.SetText(TextField.Item(before.items[0].id), before.heads, "look up twice"),
            Edit.SetText(TextField.Reflection(before.reflections[0].id), before.heads, "calm"),
            Edit.RemoveMark(Mark(MarkGroup.TAGS, "work")),
            Edit.RemoveLink(other),
            Edit.SetMuted(false),
            Edit.SetTrashed(false),
            Edit.SetNextMove(null),
            Edit.Unseal(before.seals),
            Edit.SetBox(null),
            Edit.SetExperiment(later),
        )
        val entry = journal.show(before.id)
        assertEquals(listOf("look up twice", "call"), entry.items.map { it.text })
        assertEquals(listOf(null, ItemState.DONE), entry.items.map { it.state })
        assertEquals("2024-07" to "calm", entry.items[1].day to entry.reflections.single().text)
        assertEquals(listOf("shame"), entry.marks.map { it.word })
        assertFalse(entry.isMuted || entry.isTrashed)
        assertTrue(entry.links.isEmpty() && entry.seals.isEmpty())
        assertEquals(listOf(null, null, later), listOf(entry.nextMove, entry.box, entry.experiment))
    }

    private suspend fun closedAndDescribed(
        journal: Journal,
        before: Entry,
    ) {
        val id = before.id
        journal.edit(id, Edit.Close(ClosureKind.LET_GO, "2024-08-01", "enough"))
        val closed = journal.show(id)
        assertEquals(listOf(ClosureKind.LET_GO to "enough"), closed.closures.map { it.kind to it.note })
        assertTrue(InnerState.CLOSED in closed.states)
        journal.edit(id, Edit.Reopen(closed.closures[0].id, "2024-09-01"), Edit.SetBox(Box.ByHand))
        assertEquals("2024-09-01", journal.show(id).closures[0].reopened)
        assertEquals(Box.ByHand, journal.show(id).box)
        val file = NewFile("image/png", "a", "b", "c")
        val attached = journal.attach(id, file, ByteArrayInputStream(ByteArray(64) { 7 })).attachment
        journal.edit(
            id,
            Edit.Describe(attached, AttachmentField.CAPTION, "A"),
            Edit.Describe(attached, AttachmentField.ALT, null),
        )
        val picture = Attachment(attached, "image/png", 64, "A", null, "c", isPublishable = false, isHere = true)
        assertEquals(listOf(picture), journal.show(id).attachments)
        journal.detach(id, attached)
        assertEquals(emptyList<Attachment>(), journal.show(id).attachments)
    }

    @Test
    fun `an edit that fails takes the others with it`() =
        scenario { place ->
            place.created { journal ->
                val written = journal.createEntry(note("one"))
                failing<AfterwordException.NotFound>("this entry has no such item; look again at what the entry has, and choose from that") {
                    journal.edit(written.id, Edit.AddItem(ItemKind.LESSON, "lost"), Edit.RetireItem(ItemId("0".repeat(32))))
                }
                val shown = journal.show(written.id)
                assertEquals(emptyList<Item>() to written.heads, shown.items to shown.heads)
            }
        }

    @Test
    fun `earlier readings are shown and brought back, and what is erased is gone`() =
        scenario { place ->
            place.created { journal ->
                val first = journal.createEntry(note("T", "first"))
                journal.edit(first.id, Edit.SetText(TextField.Body, first.heads, "second"))
                val readings = journal.history(first.id)
                assertTrue(first.heads in readings.map { it.heads })
                assertEquals(first.heads to listOf("body"), readings.last().heads to readings.first().fields)
                assertEquals(setOf(journal.deviceId()), readings.map { it.device }.toSet())
                assertEquals("first", journal.showAt(first.id, first.heads).body)
                journal.restore(first.id, first.heads)
                assertEquals("first", journal.show(first.id).body)
                assertTrue(journal.erase(first.id))
                assertFalse(journal.erase(first.id))
                assertEquals(emptyList<ListRow>(), journal.list().rows)
            }
        }

    @Test
    fun `lists are filtered, and a day has its entry`() =
        scenario { place ->
            place.created { journal ->
                val old = journal.createEntry(NewEntry(Kind.WIN, "old", happened = "2001-02-03")).id
                val new = journal.createEntry(NewEntry(Kind.LOSS, "new")).id
                journal.edit(new, Edit.SetBox(Box.ByHand))
                val cases =
                    listOf(
                        ListFilter(to = "2001") to old,
                        ListFilter(from = "2002") to new,
                        ListFilter(kind = Kind.WIN) to old,
                        ListFilter(state = InnerState.BOXED) to new,
                    )
                for ((filter, id) in cases) assertEquals(listOf(id), journal.list(filter).rows.map { it.id }, "$filter")
                assertEquals(old, journal.entryOn("2001-02-03"))
                assertNull(journal.entryOn("1999-01-01"))
                journal.edit(old, Edit.SetTrashed(true))
                assertEquals(listOf(old), journal.list(ListFilter(trashed = true)).rows.map { it.id })
                assertEquals(listOf(new), journal.list().rows.map { it.id })
            }
        }

    @Test
    fun `a journal is looked after`() =
        scenario { place ->
            place.created { journal ->
                journal.createEntry(note("kept", "words"))
                journal.networkChanged()
                journal.rebuild()
                val health = journal.doctor()
                assertTrue(health.ok && health.checks.size > 3 && health.checks.all { it.detail.isNotEmpty() }, "$health")
                assertEquals(1, journal.search("words").total)
            }
        }

    @Test
    fun `many coroutines write at once`() =
        scenario { place ->
            place.created { journal ->
                val written = coroutineScope { List(40) { async { journal.createEntry(note("at once $it")).id } }.awaitAll() }
                assertEquals(written.toSet(), journal.list().rows.map { it.id }.toSet())
            }
        }

    @Test
    fun `a journal that opened is handed over although its caller was cancelled`() =
        scenario { place ->
            place.created { }
            var handed: Journal? = null
            val cancelled = CountDownLatch(1)
            val slow =
                object : KeyVault by place.vault {
                    override fun load(name: String): ByteArray? {
                        cancelled.await()
                        return place.vault.load(name)
                    }
                }
            coroutineScope {
                val opening = launch(start = CoroutineStart.UNDISPATCHED) { handed = Journal.open(place.home, slow) }
                opening.cancel()
                cancelled.countDown()
                opening.join()
                assertTrue(opening.isCancelled)
            }
            assertTrue(handed != null, "it was lost, open and in nobody's hands")
            handed?.shutdown()
        }

    @Test
    fun `cancelling who pairs or joins ends it, and leaves no journal`() =
        scenario { place ->
            place.created { journal ->
                Place().use { guest ->
                    coroutineScope {
                        val codes = Channel<PairingStep>(Channel.UNLIMITED)
                        val hosting = launch { journal.pair("127.0.0.1:0", discover = false) { codes.trySend(it) } }
                        val code = (codes.receive() as PairingStep.Code).code
                        // Nobody is there: who joins waits.
                        val peer = "127.0.0.1:${freePort()}"
                        val joining =
                            launch(start = CoroutineStart.UNDISPATCHED) {
                                Journal.join(guest.home, code, "p", guest.vault, peer)
                            }
                        withTimeout(5.seconds) { joining.cancelAndJoin() }
                        assertFalse(Journal.exists(guest.home))
                        withTimeout(5.seconds) { hosting.cancelAndJoin() }
                        // Whoever was cancelled is not told: the steps say it to who listens.
                        assertEquals(PairingStep.Failed(ErrorCode.CANCELLED), codes.receive())
                    }
                }
                assertEquals(1, journal.devices().size)
            }
        }

    @Test
    fun `a deadline crosses in whole milliseconds, as far as 32 bits go`() {
        assertEquals(1500u, 1500.milliseconds.toFfi())
        assertEquals(0u, (-3).seconds.toFfi())
        assertEquals(UInt.MAX_VALUE, Duration.INFINITE.toFfi())
    }
}
