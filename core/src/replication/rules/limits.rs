//! Limits on how many logs a store holds.

/// The most logs of one device that are held, but for those that members keep of a device that was removed. A device
/// begins one each time that it finds itself put back to an earlier state.
pub const MAX_DEVICE_LOGS: usize = 128;
/// The most logs that are held in all, and so the most claims in a compare.
pub const MAX_LOGS: usize = 1 << 17;
