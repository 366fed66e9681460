package app.afterword.kit

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import kotlin.reflect.KClass
import kotlin.reflect.KVisibility
import kotlin.reflect.full.declaredMembers
import kotlin.reflect.full.functions
import kotlin.reflect.full.primaryConstructor
import app.afterword.ffi.AfterwordException as FfiException

/** What an app sees of this library. */
class PublicFaceTest {
    /** Every class of the library that an app can name. */
    private fun classes(): List<KClass<*>> {
        val folder = File(Journal::class.java.protectionDomain.codeSource.location.toURI())
        val names =
            folder
                .walk()
                .filter { it.extension == "class" }
                .map { it.relativeTo(folder).path.removeSuffix(".class").replace(File.separatorChar, '.') }
                .filterNot { name -> name.endsWith("Kt") || name.split('$').drop(1).any { it.first().isDigit() || "$" in it } }
        return names
            .map { Class.forName(it) }
            .filterNot { it.isAnonymousClass || it.isSynthetic }
            .map { it.kotlin }
            .filter { it.visibility == KVisibility.PUBLIC }
            .toList()
    }

    @Test
    fun `generated types appear in no public signature`() {
        val classes = classes()
        assertTrue(classes.size > 20, "$classes")
        for (one in classes) {
            val seen =
                one.supertypes.map { "supertype $it" } +
                    (one.declaredMembers + one.constructors)
                        .filter { it.visibility == KVisibility.PUBLIC || it.visibility == KVisibility.PROTECTED }
                        .map { "$it" }
            assertEquals(emptyList<String>(), seen.filter { "app.afterword.ffi" in it }, "$one")
        }
    }

    @Test
    fun `a leak would be seen`() {
        assertTrue(Leak::class.functions.any { "app.afterword.ffi" in "$it" })
        assertEquals(KVisibility.INTERNAL, Convert::class.visibility)
    }

    @Suppress("unused")
    private interface Leak {
        fun leak(): app.afterword.ffi.Entry
    }

    @Test
    fun `every error keeps its name and its text`() {
        val variants = FfiException::class.sealedSubclasses
        assertEquals(variants.map { it.simpleName }, AfterwordException::class.sealedSubclasses.map { it.simpleName })
        for (variant in variants) {
            val ours = Convert.failure(variant.primaryConstructor!!.call("it failed", "do this"))
            assertEquals(variant.simpleName, ours::class.simpleName)
            assertEquals("it failed; do this", ours.message)
        }
    }
}
