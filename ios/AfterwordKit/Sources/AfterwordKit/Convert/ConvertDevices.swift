internal import AfterwordGenerated
import Foundation

// Devices, health and what a sync came to, from what is generated.

extension Device {
    init(_ device: AfterwordGenerated.Device) {
        self.init(id: DeviceId(device.id), name: device.name, isThis: device.isThis, isRemoved: device.isRemoved)
    }
}

extension DeviceChange {
    init(_ change: AfterwordGenerated.DeviceChange) {
        self.init(
            device: DeviceId(change.device), name: change.name, isRemoval: change.isRemoval,
            by: change.by.map(DeviceId.init), byName: change.byName,
            at: change.atMs.map { Date(timeIntervalSince1970: Double($0) / 1000) })
    }
}

extension DeviceNews {
    init(_ news: AfterwordGenerated.DeviceNews) {
        self.init(changes: news.changes.map(DeviceChange.init), more: Int(news.more), seen: news.seen)
    }
}

extension Paired {
    init(_ paired: AfterwordGenerated.Paired) {
        self.init(
            device: DeviceId(paired.device), deviceName: paired.deviceName, host: DeviceId(paired.host),
            hostName: paired.hostName)
    }
}

extension SyncedOnce {
    init(_ synced: AfterwordGenerated.SyncedOnce) {
        self.init(
            met: Int(synced.met), missed: Int(synced.missed), equal: synced.equal, operations: Int(synced.operations),
            bytes: Int(synced.bytes))
    }
}

extension Health {
    init(_ health: AfterwordGenerated.Health) {
        self.init(
            ok: health.ok, checks: health.checks.map { HealthCheck(name: $0.name, ok: $0.ok, detail: $0.detail) })
    }
}

extension Repaired {
    init(_ repaired: AfterwordGenerated.Repaired) {
        self.init(documents: Int(repaired.documents), loggedAgain: Int(repaired.loggedAgain))
    }
}

extension Duration {
    /// As many whole milliseconds, as far as 32 bits go.
    var wholeMilliseconds: UInt32 {
        let (seconds, attoseconds) = components
        let most = Int64(UInt32.max)
        return UInt32(clamping: min(max(seconds, 0), most) * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
