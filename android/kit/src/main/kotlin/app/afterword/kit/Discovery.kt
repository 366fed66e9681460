package app.afterword.kit

import java.net.InetSocketAddress

/**
 * The system's own way to find devices on a network, for where it lets an app use no other: on Android, `NsdManager`.
 *
 * No method may block, and each may be called from any thread. What begins under a number ends under it. Whatever is thrown
 * is taken as "not on this network", and devices are then met by their addresses.
 */
public interface Discovery {
    /** Announces [service] on every network, until [withdraw]. */
    public fun announce(
        number: Long,
        service: AnnouncedService,
    )

    /** Announces it no more. */
    public fun withdraw(number: Long)

    /** Looks for services of [serviceType], and tells [seen] of each that was resolved, until [stopLooking]. */
    public fun look(
        number: Long,
        serviceType: String,
        seen: (SeenService) -> Unit,
    )

    /** Looks no more. */
    public fun stopLooking(number: Long)
}

/**
 * What is to be announced, as DNS-based service discovery has it (RFC 6763).
 *
 * @property serviceType like `_p2p._udp`
 * @property name the instance's name; it says nothing of the device to who does not know the journal
 * @property port the UDP port
 * @property text the TXT record
 */
public data class AnnouncedService(
    val serviceType: String,
    val name: String,
    val port: Int,
    val text: Map<String, String>,
)

/**
 * What was seen and resolved.
 *
 * @property name the instance's name
 * @property text its TXT record
 * @property addresses where it answers
 */
public data class SeenService(
    val name: String,
    val text: Map<String, String>,
    val addresses: List<InetSocketAddress>,
)
