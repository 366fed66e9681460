/// Whether a journal is open, and why not.
public enum LockState: String, Codable, CaseIterable, Sendable {
    /// Its key is not at hand yet: ``Journal/resume()`` once the person unlocked the device.
    case locked
    /// It is open.
    case open
    /// The app sleeps.
    case paused
    /// It was shut down.
    case ended
    /// A bug in Afterword stopped it; what was saved is saved. Open it again.
    case broken
}
