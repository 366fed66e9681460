package app.afterword.kit

import app.afterword.kit.convert.failures
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

// How a call that blocks in the engine looks to a coroutine.

/** Threads for calls that take as long as another device or a file does, so that no other call waits for a thread. */
private val patient: CoroutineDispatcher = Dispatchers.IO.limitedParallelism(32)

/** Does [call] where it may block. A caller that is cancelled meanwhile stops waiting for it. */
internal suspend fun <T> working(call: () -> T): T = withContext(Dispatchers.IO) { failures(call) }

/** Hands over what [call] gives even if the caller is cancelled meanwhile: nobody else could let go of it. */
internal suspend fun <T> unbroken(call: () -> T): T = withContext(NonCancellable) { working(call) }

/** Does [call], which may take long. A caller that is cancelled meanwhile stops waiting for it. */
internal suspend fun <T> waiting(call: () -> T): T = withContext(patient) { failures(call) }

/**
 * Does [call], which may take long, and has [stop] end it if the caller is cancelled. Waits for that end, so that nothing
 * goes on unseen. What was done nevertheless is handed over.
 */
internal suspend fun <T> stoppable(
    stop: () -> Unit,
    call: () -> T,
): T {
    val caller = currentCoroutineContext()
    caller.ensureActive()
    val watching =
        CoroutineScope(caller + Dispatchers.Unconfined).launch(start = CoroutineStart.UNDISPATCHED) {
            try {
                awaitCancellation()
            } finally {
                stop()
            }
        }
    try {
        return withContext(NonCancellable) { waiting(call) }
    } catch (thrown: AfterwordException.Cancelled) {
        caller.ensureActive()
        throw thrown
    } finally {
        watching.cancel()
    }
}
