package app.afterword.kit

import app.afterword.kit.convert.toKit
import app.afterword.kit.convert.word
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import kotlin.reflect.KCallable
import kotlin.reflect.KClass
import kotlin.reflect.KVisibility
import kotlin.reflect.full.declaredMembers
import kotlin.reflect.full.functions
import kotlin.reflect.full.primaryConstructor
import kotlin.reflect.jvm.kotlinFunction
import app.afterword.ffi.AfterwordException as FfiException

/** What an app sees of this library. */
class PublicFaceTest {
    private val folder = File(Journal::class.java.protectionDomain.codeSource.location.toURI())

    /** Every class of the library that has a name. */
    private fun named(): List<Class<*>> =
        folder
            .walk()
            .filter { it.extension == "class" }
            .map { it.relativeTo(folder).path.removeSuffix(".class").replace(File.separatorChar, '.') }
            .filterNot { name -> name.split('$').drop(1).any { it.first().isDigit() || "$" in it } }
            .map { Class.forName(it) }
            .filterNot { it.isAnonymousClass || it.isSynthetic }
            .toList()

    private fun isFile(one: Class<*>) = one.simpleName.endsWith("Kt")

    /** Every class that an app can name. */
    private fun classes(): List<KClass<*>> =
        named().filterNot(::isFile).map { it.kotlin }.filter { it.visibility == KVisibility.PUBLIC }

    private fun KCallable<*>.isSeen() = visibility == KVisibility.PUBLIC || visibility == KVisibility.PROTECTED

    @Test
    fun `generated types appear in no public signature`() {
        val classes = classes()
        assertTrue(classes.size > 80, "$classes")
        for (one in classes) {
            val seen =
                one.supertypes.map { "supertype $it" } +
                    (one.declaredMembers + one.constructors).filter { it.isSeen() }.map { "$it" }
            assertEquals(emptyList<String>(), seen.filter { "app.afterword.ffi" in it }, "$one")
        }
    }

    @Test
    fun `whatever stands outside of a class is the library's own`() {
        val functions = named().filter(::isFile).flatMap { it.declaredMethods.toList() }.mapNotNull { it.kotlinFunction }
        assertTrue(functions.size > 20, "$functions")
        assertEquals(emptyList<KCallable<*>>(), functions.filter { it.isSeen() })
    }

    @Test
    fun `a leak would be seen`() {
        assertTrue(Leak::class.functions.any { "app.afterword.ffi" in "$it" })
    }

    @Suppress("unused")
    private interface Leak {
        fun leak(): app.afterword.ffi.Entry
    }

    @Test
    fun `every error keeps its name, its fields and its text`() {
        val variants = FfiException::class.sealedSubclasses
        assertEquals(variants.map { it.simpleName }, AfterwordException::class.sealedSubclasses.map { it.simpleName })
        assertEquals(variants.size, ErrorCode.entries.map { it.word }.toSet().size)
        for (variant in variants) {
            val parameters = variant.primaryConstructor!!.parameters
            val ours = variant.primaryConstructor!!.call(*parameters.map { given(it.name!!) }.toTypedArray()).toKit()
            assertEquals(variant.simpleName, ours::class.simpleName)
            assertEquals(variant.simpleName!!.lowercase(), ours.code.word.replace("_", ""))
            assertEquals("it failed; do this", ours.message)
            assertEquals(listOf("it failed", "do this"), listOf(ours.sentence, ours.hint))
        }
        val (paused, field, reason) =
            listOf(FfiException.Locked("", "", true), FfiException.Invalid("", "", "day"), FfiException.Refused("", "", "closed"))
                .map { it.toKit() }
        assertEquals(true, (paused as AfterwordException.Locked).paused)
        assertEquals("day", (field as AfterwordException.Invalid).field)
        assertEquals("closed", (reason as AfterwordException.Refused).reason)
        assertEquals(null, (FfiException.Invalid("", "", "").toKit() as AfterwordException.Invalid).field)
    }

    private fun given(parameter: String): Any =
        when (parameter) {
            "sentence" -> "it failed"
            "hint" -> "do this"
            "paused" -> true
            else -> "word"
        }

    @Test
    fun `vocabularies have the same words on both sides`() {
        val pairs =
            listOf<Pair<List<Enum<*>>, List<Enum<*>>>>(
                app.afterword.ffi.Kind.entries to Kind.entries,
                app.afterword.ffi.ItemKind.entries to ItemKind.entries,
                app.afterword.ffi.ItemState.entries to ItemState.entries,
                app.afterword.ffi.MarkGroup.entries to MarkGroup.entries,
                app.afterword.ffi.ClosureKind.entries to ClosureKind.entries,
                app.afterword.ffi.LinkKind.entries to LinkKind.entries,
                app.afterword.ffi.NextMove.entries to NextMove.entries,
                app.afterword.ffi.InnerState.entries to InnerState.entries,
                app.afterword.ffi.Audience.entries to Audience.entries,
                app.afterword.ffi.LockState.entries to LockState.entries,
                app.afterword.ffi.AttachmentField.entries to AttachmentField.entries,
                app.afterword.ffi.LogLevel.entries to LogLevel.entries,
            )
        for ((theirs, ours) in pairs) assertEquals(theirs.map { it.name }, ours.map { it.name })
        assertEquals(classes().count { it.java.isEnum }, pairs.size + 1, "one of them is not compared here")
        assertEquals(Kind.LOSS, app.afterword.ffi.Kind.LOSS.word<Kind>())
    }

    @Test
    fun `everything public says what it is`() {
        val sources = File(projectRoot, "android/kit/src/main/kotlin").walk().filter { it.extension == "kt" }.toList()
        assertTrue(sources.size > 15, "$sources")
        for (source in sources) {
            val lines = source.readLines().map { it.trim() }
            for ((above, line) in lines.zipWithNext()) {
                if (!line.startsWith("public ")) continue
                val isParameter = line.startsWith("public val ") && line.endsWith(",")
                val name = line.substringAfter("val ").substringBefore(':')
                val told = if (isParameter) lines.any { it.startsWith("* @property $name ") } else above.endsWith("*/")
                assertTrue(told || above.startsWith("@"), "${source.name}: $line")
            }
        }
    }
}
