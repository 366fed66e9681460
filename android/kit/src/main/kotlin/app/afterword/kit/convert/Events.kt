package app.afterword.kit.convert

import app.afterword.kit.DeviceId
import app.afterword.kit.EntryId
import app.afterword.kit.Heads
import app.afterword.kit.JournalEvent
import app.afterword.kit.PairingStep
import app.afterword.kit.SyncState
import java.time.Instant
import app.afterword.ffi.Event as FfiEvent
import app.afterword.ffi.PairingStep as FfiPairingStep
import app.afterword.ffi.SyncState as FfiSyncState

internal fun FfiEvent.toKit(): JournalEvent =
    when (this) {
        is FfiEvent.LockChanged -> JournalEvent.LockChanged(state.word())
        is FfiEvent.ListChanged -> JournalEvent.ListChanged(revision.toLong())
        is FfiEvent.EntryChanged -> JournalEvent.EntryChanged(EntryId(id), Heads(heads))
        is FfiEvent.SyncChanged -> JournalEvent.SyncChanged(state.toKit())
        FfiEvent.DevicesChanged -> JournalEvent.DevicesChanged
        is FfiEvent.PairingStep -> JournalEvent.PairingChanged(step.toKit())
        is FfiEvent.Alarm -> JournalEvent.Alarm(code)
    }

private fun FfiSyncState.toKit(): SyncState =
    when (this) {
        FfiSyncState.Idle -> SyncState.Idle
        FfiSyncState.Running -> SyncState.Running
        is FfiSyncState.Deriving -> SyncState.Deriving(done.toLong(), left.toLong())
        is FfiSyncState.Met -> SyncState.Met(DeviceId(device), equal)
        is FfiSyncState.Failed -> SyncState.Failed(errorCode(code))
    }

internal fun FfiPairingStep.toKit(): PairingStep =
    when (this) {
        is FfiPairingStep.Code -> PairingStep.Code(code, qr, Instant.ofEpochMilli(expiresAtMs))
        is FfiPairingStep.WrongCode -> PairingStep.WrongCode(left.toInt())
        is FfiPairingStep.Added -> PairingStep.Added(DeviceId(device), name)
        is FfiPairingStep.Syncing -> PairingStep.Syncing(operations.toLong())
        FfiPairingStep.Done -> PairingStep.Done
        is FfiPairingStep.Failed -> PairingStep.Failed(errorCode(code))
    }
