package app.afterword.bench

import app.afterword.kit.Edit
import app.afterword.kit.Journal
import app.afterword.kit.KeyVault
import app.afterword.kit.TextField
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import java.io.File
import java.util.Locale

// What a call across the boundary costs, through the kit as an app calls it: `cargo xtask bench --boundary`.

private const val ENTRIES = 1_000
private const val WARM = 200
private const val SAMPLES = 200

/** A vault in a folder, a file for each secret. */
private class Files(
    private val folder: File,
) : KeyVault {
    override fun store(
        name: String,
        secret: ByteArray,
    ) = File(folder, name).writeBytes(secret)

    override fun load(name: String): ByteArray? = File(folder, name).takeIf { it.isFile }?.readBytes()

    override fun delete(name: String) {
        File(folder, name).delete()
    }
}

/** Times [call] and prints its line. */
private inline fun measure(
    what: String,
    call: (Int) -> Unit,
) {
    val samples = mutableListOf<Double>()
    for (at in 0 until WARM + SAMPLES) {
        val begun = System.nanoTime()
        call(at)
        if (at >= WARM) samples += (System.nanoTime() - begun) / 1e3
    }
    samples.sort()
    val figures = listOf(samples[SAMPLES / 2], samples.first(), samples.last()).map { String.format(Locale.ROOT, "%.1f", it) }
    println((listOf("kotlin", what) + figures + "$SAMPLES").joinToString("\t"))
}

/** Measures on the journal that the folder of the first argument holds a copy of. */
fun main(arguments: Array<String>): Unit =
    runBlocking {
        val folder = File(arguments.first())
        val journal = Journal.open(File(folder, "kotlin"), Files(File(folder, "vault")))
        measure("list") { check(journal.list(limit = ENTRIES).rows.size == ENTRIES) }
        val id = journal.list(limit = 1).rows.first().id
        var base = journal.show(id).heads
        measure("edit") { base = journal.edit(id, Edit.SetText(TextField.Title, base, "title $it")).heads }
        measure("event") { journal.events.first() }
        journal.shutdown()
    }
