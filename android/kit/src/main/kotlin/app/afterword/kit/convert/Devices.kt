package app.afterword.kit.convert

import app.afterword.kit.Device
import app.afterword.kit.DeviceChange
import app.afterword.kit.DeviceId
import app.afterword.kit.DeviceNews
import app.afterword.kit.Health
import app.afterword.kit.HealthCheck
import app.afterword.kit.Paired
import app.afterword.kit.Repaired
import app.afterword.kit.SyncedOnce
import java.time.Instant
import kotlin.time.Duration
import app.afterword.ffi.Device as FfiDevice
import app.afterword.ffi.DeviceChange as FfiDeviceChange
import app.afterword.ffi.DeviceNews as FfiDeviceNews
import app.afterword.ffi.Health as FfiHealth
import app.afterword.ffi.Paired as FfiPaired
import app.afterword.ffi.Repaired as FfiRepaired
import app.afterword.ffi.SyncedOnce as FfiSyncedOnce

internal fun FfiDevice.toKit() = Device(DeviceId(id), name, isThis, isRemoved)

internal fun FfiDeviceChange.toKit() =
    DeviceChange(DeviceId(device), name, isRemoval, by?.let(::DeviceId), byName, atMs?.let(Instant::ofEpochMilli))

internal fun FfiDeviceNews.toKit() = DeviceNews(changes.map { it.toKit() }, more.toLong(), seen)

internal fun FfiPaired.toKit() = Paired(DeviceId(device), deviceName, DeviceId(host), hostName)

internal fun FfiSyncedOnce.toKit() =
    SyncedOnce(met.toLong(), missed.toLong(), equal, operations.toLong(), bytes.toLong())

internal fun FfiHealth.toKit() = Health(ok, checks.map { HealthCheck(it.name, it.ok, it.detail) })

internal fun FfiRepaired.toKit() = Repaired(documents.toLong(), loggedAgain.toLong())

/** As far as 32 bits go. */
internal fun Duration.toFfi(): UInt = inWholeMilliseconds.coerceIn(0, UInt.MAX_VALUE.toLong()).toUInt()
