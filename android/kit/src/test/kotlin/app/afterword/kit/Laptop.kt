package app.afterword.kit

import org.junit.jupiter.api.Assertions.assertEquals
import java.io.File
import java.nio.file.Files
import java.util.concurrent.TimeUnit

/** A laptop: a folder of its own, and the program that is shipped. */
internal class Laptop : AutoCloseable {
    private val folder: File = Files.createTempDirectory("afterword-laptop").toFile()
    private val program = System.getProperty("afterword.program") ?: error("nobody said where the laptop program is")
    private val running = mutableListOf<Process>()

    private fun start(arguments: List<String>): Process {
        val command = listOf(program, "--home", File(folder, "journal").path, "--json", "--yes") + arguments
        val process = ProcessBuilder(command).redirectError(File(folder, "errors-${running.size}"))
        process.environment()["AFTERWORD_PASSPHRASE"] = "correct horse battery staple"
        process.environment()["AFTERWORD_PASSPHRASE_COST"] = "least"
        return process.start().also { running += it }
    }

    /** What the program prints, which ends well. */
    fun run(vararg arguments: String): String {
        val process = start(arguments.asList())
        val printed = process.inputStream.readBytes().toString(Charsets.UTF_8)
        check(process.waitFor(soon.inWholeSeconds, TimeUnit.SECONDS)) { "${arguments.first()} does not end" }
        assertEquals(0, process.exitValue(), "${arguments.asList()}: $printed")
        return printed
    }

    /** Starts what stays: the program, and the first line that it prints. */
    fun staying(vararg arguments: String): Pair<Process, String> {
        val process = start(arguments.asList())
        return process to (process.inputReader(Charsets.UTF_8).readLine() ?: error("${arguments.first()} said nothing"))
    }

    override fun close() {
        running.forEach { it.destroyForcibly().waitFor() }
        folder.deleteRecursively()
    }
}

/** The text under [key] in a line of JSON: the first, if there are several. */
internal fun String.text(key: String): String {
    val found = Regex("\"$key\":\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").find(this) ?: error("no $key in $this")
    val escaped = Regex("""\\(u[0-9a-fA-F]{4}|.)""")
    return escaped.replace(found.groupValues[1]) {
        when (val what = it.groupValues[1]) {
            "n" -> "\n"
            "t" -> "\t"
            "r" -> "\r"
            else -> if (what.startsWith("u")) what.drop(1).toInt(16).toChar().toString() else what
        }
    }
}
