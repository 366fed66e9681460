internal import AfterwordGenerated

// The app's log and its discovery, as the engine calls them.

/// The app's log.
final class ForeignLog: AfterwordGenerated.LogSink {
    private let sink: @Sendable (LogLine) -> Void

    init(_ sink: @escaping @Sendable (LogLine) -> Void) { self.sink = sink }

    func log(line: AfterwordGenerated.LogLine) throws {
        sink(LogLine(level: LogLevel(line.level), target: line.target, text: line.text))
    }
}

extension LogLevel {
    init(_ level: AfterwordGenerated.LogLevel) {
        self =
            switch level {
            case .error: .error
            case .warn: .warn
            case .info: .info
            case .debug: .debug
            }
    }

    var crossing: AfterwordGenerated.LogLevel {
        switch self {
        case .error: .error
        case .warn: .warn
        case .info: .info
        case .debug: .debug
        }
    }
}

/// The app's discovery.
final class ForeignDiscovery: AfterwordGenerated.Discovery {
    private let discovery: any Discovery

    init(_ discovery: any Discovery) { self.discovery = discovery }

    func announce(number: UInt64, service: AfterwordGenerated.AnnouncedService) throws {
        let announced = AnnouncedService(
            serviceType: service.serviceType, name: service.name, port: service.port, text: service.text)
        try Self.crossing { () throws(DiscoveryError) in try discovery.announce(number: number, service: announced) }
    }

    func withdraw(number: UInt64) throws { discovery.withdraw(number: number) }

    func look(number: UInt64, serviceType: String, sightings: Sightings) throws {
        let seen: @Sendable (SeenService) -> Void = { service in
            // An address that is none is not told; the next one may be.
            try? sightings.seen(name: service.name, text: service.text, addresses: service.addresses)
        }
        try Self.crossing { () throws(DiscoveryError) in
            try discovery.look(number: number, serviceType: serviceType, seen: seen)
        }
    }

    func stopLooking(number: UInt64) throws { discovery.stopLooking(number: number) }

    private static func crossing(_ call: () throws(DiscoveryError) -> Void) throws {
        do {
            try call()
        } catch {
            throw AfterwordGenerated.DiscoveryError.Failed(reason: error.reason)
        }
    }
}
