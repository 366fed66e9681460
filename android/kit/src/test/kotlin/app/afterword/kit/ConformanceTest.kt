package app.afterword.kit

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** The one list of scenarios, and the tests that are here. */
class ConformanceTest {
    /** `s03EditAtAnOldBase` of `03 edit_at_an_old_base: …`. */
    private fun nameOf(line: String): String? {
        val (number, name) = Regex("""(\d\d) (\w+): .+""").matchEntire(line)?.destructured ?: return null
        return "s$number" + name.split('_').joinToString("") { word -> word.replaceFirstChar(Char::uppercase) }
    }

    @Test
    fun `every scenario of the list has a test of its name, and no other test has such a name`() {
        val lines = File(projectRoot, "tests/conformance/scenarios.md").readLines()
        val wanted = lines.mapNotNull(::nameOf)
        assertEquals(lines.count { it.take(1).all(Char::isDigit) && it.isNotEmpty() }, wanted.size)
        assertTrue(wanted.size >= 24, "$wanted")
        val folder = File(javaClass.protectionDomain.codeSource.location.toURI())
        val classes = folder.walk().filter { it.name.endsWith("Test.class") }.map { it.relativeTo(folder).path }
        val found =
            classes
                .map { Class.forName(it.removeSuffix(".class").replace(File.separatorChar, '.')) }
                .flatMap { it.declaredMethods.toList() }
                .filter { it.isAnnotationPresent(Test::class.java) && Regex("""s\d\d.*""").matches(it.name) }
                .map { it.name }
                .toList()
        assertEquals(wanted.sorted(), found.sorted())
    }
}
