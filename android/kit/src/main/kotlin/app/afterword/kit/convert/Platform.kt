package app.afterword.kit.convert

import app.afterword.ffi.DiscoveryException
import app.afterword.ffi.ListenerException
import app.afterword.ffi.LogSink
import app.afterword.ffi.Sightings
import app.afterword.kit.AnnouncedService
import app.afterword.kit.Discovery
import app.afterword.kit.LogLevel
import app.afterword.kit.LogLine
import app.afterword.kit.SeenService
import java.net.InetSocketAddress
import app.afterword.ffi.AnnouncedService as FfiAnnouncedService
import app.afterword.ffi.Discovery as FfiDiscovery
import app.afterword.ffi.LogLevel as FfiLogLevel
import app.afterword.ffi.LogLine as FfiLogLine

/** An app's log, as what is generated sees it. */
internal class ForeignLog(
    private val sink: (LogLine) -> Unit,
) : LogSink {
    override fun log(line: FfiLogLine) =
        try {
            sink(LogLine(line.level.toKit(), line.target, line.text))
        } catch (_: Exception) {
            throw ListenerException.Failed()
        }
}

internal fun LogLevel.toFfi(): FfiLogLevel =
    when (this) {
        LogLevel.ERROR -> FfiLogLevel.ERROR
        LogLevel.WARN -> FfiLogLevel.WARN
        LogLevel.INFO -> FfiLogLevel.INFO
        LogLevel.DEBUG -> FfiLogLevel.DEBUG
    }

private fun FfiLogLevel.toKit(): LogLevel =
    when (this) {
        FfiLogLevel.ERROR -> LogLevel.ERROR
        FfiLogLevel.WARN -> LogLevel.WARN
        FfiLogLevel.INFO -> LogLevel.INFO
        FfiLogLevel.DEBUG -> LogLevel.DEBUG
    }

/** An app's discovery, as what is generated sees it. */
internal class ForeignDiscovery(
    private val discovery: Discovery,
) : FfiDiscovery {
    override fun announce(
        number: ULong,
        service: FfiAnnouncedService,
    ) = declared {
        val announced = AnnouncedService(service.serviceType, service.name, service.port.toInt(), service.text)
        discovery.announce(number.toLong(), announced)
    }

    override fun withdraw(number: ULong) = declared { discovery.withdraw(number.toLong()) }

    override fun look(
        number: ULong,
        serviceType: String,
        sightings: Sightings,
    ) = declared { discovery.look(number.toLong(), serviceType) { sightings.tell(it) } }

    override fun stopLooking(number: ULong) = declared { discovery.stopLooking(number.toLong()) }

    private inline fun declared(call: () -> Unit) =
        try {
            call()
        } catch (thrown: Exception) {
            throw DiscoveryException.Failed(thrown.javaClass.simpleName)
        }
}

private fun Sightings.tell(service: SeenService) =
    failures { seen(service.name, service.text, service.addresses.mapNotNull { it.literal() }) }

/** `127.0.0.1:80`, `[fe80::1%3]:80`; nothing for a host that is only a name. */
private fun InetSocketAddress.literal(): String? {
    val host = address?.hostAddress ?: return null
    return if (':' in host) "[${host.substringBefore('%')}]:$port" else "$host:$port"
}
