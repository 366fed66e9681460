package app.afterword.kit

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import kotlin.time.Duration.Companion.seconds

/** The scenarios of two devices. */
class DevicesTest {
    @Test
    fun s10PairByCode() = scenario { paired(isTyped = true) }

    @Test
    fun s11PairByQr() = scenario { paired(isTyped = false) }

    private suspend fun paired(isTyped: Boolean) {
        var written: Edited? = null
        val before = NewEntry(Kind.LOSS, "before 🌧️", "ما كُتب قبل ذلك")
        Two.joined(isTyped, prepare = { written = it.createEntry(before) }) { two ->
            val id = written!!.id
            assertEquals(two.laptop.show(id), two.phone.show(id))
            assertEquals("ما كُتب قبل ذلك", two.phone.show(id).body)
            assertEquals(two.laptop.list().rows, two.phone.list().rows)
            assertEquals(two.laptop.id(), two.phone.id())
            val devices = setOf(two.laptop.deviceId() to "laptop", two.phone.deviceId() to "phone")
            for (journal in listOf(two.laptop, two.phone)) {
                val known = journal.devices()
                assertEquals(devices, known.map { it.id to it.name }.toSet())
                assertEquals(listOf(journal.deviceId()), known.filter { it.isThis }.map { it.id })
                assertTrue(known.none { it.isRemoved })
            }
        }
    }

    @Test
    fun s12Sync() =
        scenario {
            Two.joined { two ->
                coroutineScope {
                    val events = async(start = CoroutineStart.UNDISPATCHED) { two.phone.events.toList() }
                    val one = two.laptop.createEntry(NewEntry(Kind.WIN, "laptop 💻", "حاسوب"))
                    val other = two.phone.createEntry(NewEntry(Kind.VENT, "phone 📱", "電話"))
                    val synced = two.sync()
                    assertEquals(SyncedOnce(1, 0, true, 2, synced.bytes), synced)
                    assertTrue(synced.bytes > 0)
                    for (journal in listOf(two.laptop, two.phone)) {
                        assertEquals(setOf(one.id, other.id), journal.list().rows.map { it.id }.toSet())
                        assertEquals("حاسوب", journal.show(one.id).body)
                        assertEquals("電話", journal.show(other.id).body)
                        assertEquals(listOf(other.id), journal.search("電話").hits.map { it.id })
                    }
                    // What came is edited and goes back.
                    two.phone.edit(one.id, Edit.SetText(TextField.Title, one.heads, "laptop 💻 and phone"))
                    two.sync()
                    assertEquals("laptop 💻 and phone", two.laptop.show(one.id).title)
                    val again = two.sync()
                    assertEquals(SyncedOnce(1, 0, true, 0, again.bytes), again)
                    // Who listened knows.
                    val laptop = two.laptop.deviceId()
                    two.phone.shutdown()
                    val heard = events.await()
                    assertTrue(JournalEvent.DevicesChanged in heard, "$heard")
                    assertTrue(heard.any { it is JournalEvent.SyncChanged && it.state == SyncState.Idle }, "$heard")
                    assertFalse(JournalEvent.SyncChanged(SyncState.Met(laptop, equal = false)) in heard)
                    assertEquals(JournalEvent.LockChanged(LockState.ENDED), heard.last())
                }
            }
        }

    @Test
    fun s29DeviceNews() =
        scenario {
            Two.joined { two ->
                two.third { third ->
                    val (laptop, added) = two.laptop.deviceId() to third.deviceId()
                    for ((code, isRemoval) in listOf("device_added" to false, "device_removed" to true)) {
                        if (isRemoval) two.laptop.removeDevice(added, 1.seconds)
                        two.sync()
                        // Who listens later hears it too.
                        two.phone.events.first { it == JournalEvent.Alarm(code) }
                        val news = two.phone.deviceNews()
                        val change = news.changes.single()
                        val at = checkNotNull(change.at)
                        assertEquals(DeviceChange(added, "phone", isRemoval, laptop, "laptop", at), change)
                        assertEquals(0, news.more)
                        two.phone.deviceNewsSeen(news)
                        assertTrue(two.phone.deviceNews().changes.isEmpty())
                        assertTrue(two.laptop.deviceNews().changes.isEmpty(), "it did so itself")
                    }
                }
            }
        }
}
