package app.afterword.kit

import java.util.concurrent.ConcurrentHashMap

/** A vault that keeps secrets as long as the test runs, and does what it is told to go wrong. */
internal class MemoryVault : KeyVault {
    private val kept = ConcurrentHashMap<String, ByteArray>()

    /** Thrown in place of an answer. */
    @Volatile
    var broken: Exception? = null

    /** Every secret. */
    var all: Map<String, ByteArray>
        get() = kept.mapValues { it.value.copyOf() }
        set(all) {
            kept.clear()
            kept.putAll(all)
        }

    /** Changes every secret. */
    fun change(change: (ByteArray) -> ByteArray) {
        all = all.mapValues { change(it.value) }
    }

    override fun store(
        name: String,
        secret: ByteArray,
    ) {
        broken?.let { throw it }
        kept[name] = secret.copyOf()
    }

    override fun load(name: String): ByteArray? {
        broken?.let { throw it }
        return kept[name]?.copyOf()
    }

    override fun delete(name: String) {
        broken?.let { throw it }
        kept.remove(name)
    }
}
