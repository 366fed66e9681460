//! The table of C functions by which SQLCipher reaches the primitives, and the only unsafe code of what ships.
//!
//! What makes each block sound is SQLCipher's contract (`provider.h`, and the text above its own providers): a pointer
//! that comes with a length points to so many bytes, which nobody else touches during the call; what is written to never
//! overlaps a key or a vector; a page's input and output may be one place. Lengths are checked here all the same. No
//! pointer is kept, and no panic goes into C.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::{ptr, slice};

use crate::primitives::{self, BLOCK, Direction, Hash, KEY, Refused};

/// What `PRAGMA cipher_provider` answers where SQLCipher calls this crate.
pub const PROVIDER: &str = "aws-lc";

const NAME: &CStr = c"aws-lc";
const VERSION: &CStr = c"afterword";
const CIPHER: &CStr = c"aes-256-cbc";

/// SQLite's codes for a function of ours.
const OK: c_int = 0;
const ERROR: c_int = 1;

unsafe extern "C" {
    /// `sqlite3.h`: starts SQLite, and SQLCipher with it. Does nothing the second time.
    safe fn sqlite3_initialize() -> c_int;
}

/// Starts SQLite and SQLCipher, once in a process; whoever calls meanwhile waits. Returns SQLite's code where it fails.
///
/// SQLite by itself counts as started before SQLCipher's part of it is: a second thread that opened a database just then
/// was told that its key can't be set. A program that calls this links this SQLite; one that doesn't, may link none.
pub fn start() -> Result<(), i32> {
    static STARTED: OnceLock<c_int> = OnceLock::new();
    match *STARTED.get_or_init(|| sqlite3_initialize()) {
        OK => Ok(()),
        code => Err(code),
    }
}

type Context = *mut c_void;

/// `struct sqlcipher_provider` of `provider.h`, member by member; the build compares that file with SQLCipher's source.
#[repr(C)]
pub(crate) struct Provider {
    init: Option<unsafe extern "C" fn() -> c_int>,
    shutdown: Option<unsafe extern "C" fn()>,
    get_provider_name: unsafe extern "C" fn(Context) -> *const c_char,
    add_random: unsafe extern "C" fn(Context, *const c_void, c_int) -> c_int,
    random: unsafe extern "C" fn(Context, *mut c_void, c_int) -> c_int,
    #[rustfmt::skip]
    hmac: unsafe extern "C" fn(
        Context, c_int, *const c_uchar, c_int, *const c_uchar, c_int, *const c_uchar, c_int, *mut c_uchar,
    ) -> c_int,
    #[rustfmt::skip]
    kdf: unsafe extern "C" fn(
        Context, c_int, *const c_uchar, c_int, *const c_uchar, c_int, c_int, c_int, *mut c_uchar,
    ) -> c_int,
    #[rustfmt::skip]
    cipher: unsafe extern "C" fn(
        Context, c_int, *const c_uchar, c_int, *const c_uchar, *const c_uchar, c_int, *mut c_uchar,
    ) -> c_int,
    get_cipher: unsafe extern "C" fn(Context) -> *const c_char,
    get_key_sz: unsafe extern "C" fn(Context) -> c_int,
    get_iv_sz: unsafe extern "C" fn(Context) -> c_int,
    get_block_sz: unsafe extern "C" fn(Context) -> c_int,
    get_hmac_sz: unsafe extern "C" fn(Context, c_int) -> c_int,
    ctx_init: unsafe extern "C" fn(*mut Context) -> c_int,
    ctx_free: unsafe extern "C" fn(*mut Context) -> c_int,
    fips_status: unsafe extern "C" fn(Context) -> c_int,
    get_provider_version: unsafe extern "C" fn(Context) -> *const c_char,
    next: *mut Provider,
}

/// Fills in the table that SQLCipher has allocated; called by name when it starts.
///
/// # Safety
///
/// `table` is null or points to memory for a [`Provider`].
#[unsafe(no_mangle)]
unsafe extern "C" fn afterword_sqlcipher_setup(table: *mut Provider) -> c_int {
    if table.is_null() {
        return ERROR;
    }
    let ours = Provider {
        init: None,
        shutdown: None,
        get_provider_name: provider_name,
        add_random,
        random,
        hmac,
        kdf,
        cipher,
        get_cipher: cipher_name,
        get_key_sz: key_size,
        get_iv_sz: block_size,
        get_block_sz: block_size,
        get_hmac_sz: tag_size,
        ctx_init: no_context,
        ctx_free: no_context,
        fips_status,
        get_provider_version: provider_version,
        next: ptr::null_mut(),
    };
    // SAFETY: not null, and the caller allocated it as a table of these members; what was there is not read.
    unsafe { table.write(ours) };
    OK
}

unsafe extern "C" fn provider_name(_: Context) -> *const c_char {
    NAME.as_ptr()
}

unsafe extern "C" fn provider_version(_: Context) -> *const c_char {
    VERSION.as_ptr()
}

unsafe extern "C" fn cipher_name(_: Context) -> *const c_char {
    CIPHER.as_ptr()
}

/// AWS-LC seeds itself; what somebody adds to it would be the caller's guess at randomness.
unsafe extern "C" fn add_random(_: Context, _: *const c_void, _: c_int) -> c_int {
    OK
}

unsafe extern "C" fn fips_status(_: Context) -> c_int {
    0
}

/// Nothing is kept from one call to the next.
unsafe extern "C" fn no_context(context: *mut Context) -> c_int {
    if !context.is_null() {
        // SAFETY: not null, and the caller's own variable.
        unsafe { context.write(ptr::null_mut()) };
    }
    OK
}

unsafe extern "C" fn key_size(_: Context) -> c_int {
    KEY as c_int
}

unsafe extern "C" fn block_size(_: Context) -> c_int {
    BLOCK as c_int
}

unsafe extern "C" fn tag_size(_: Context, algorithm: c_int) -> c_int {
    hash(algorithm).map_or(0, |hash| hash.tag_length() as c_int)
}

unsafe extern "C" fn random(_: Context, to: *mut c_void, length: c_int) -> c_int {
    code(|| {
        // SAFETY: `to` has room for `length` bytes, which are SQLCipher's own and nobody's during the call.
        primitives::random(unsafe { output(to.cast(), length) }?)
    })
}

unsafe extern "C" fn hmac(
    _: Context,
    algorithm: c_int,
    key: *const c_uchar,
    key_length: c_int,
    first: *const c_uchar,
    first_length: c_int,
    second: *const c_uchar,
    second_length: c_int,
    to: *mut c_uchar,
) -> c_int {
    code(|| {
        let hash = hash(algorithm)?;
        // SAFETY: each points to as many bytes as its length says; the second may be null, which stands for none.
        let (key, first, second) = unsafe {
            let second = if second.is_null() { &[] } else { input(second, second_length)? };
            (input(key, key_length)?, input(first, first_length)?, second)
        };
        let tag = primitives::hmac(hash, key, first, second);
        if to.is_null() {
            return Err(Refused);
        }
        // SAFETY: `to` has room for a tag of this algorithm, as `get_hmac_sz` said, and the tag is ours.
        unsafe { ptr::copy_nonoverlapping(tag.as_ref().as_ptr(), to, hash.tag_length()) };
        Ok(())
    })
}

unsafe extern "C" fn kdf(
    _: Context,
    algorithm: c_int,
    password: *const c_uchar,
    password_length: c_int,
    salt: *const c_uchar,
    salt_length: c_int,
    rounds: c_int,
    key_length: c_int,
    to: *mut c_uchar,
) -> c_int {
    code(|| {
        let rounds = u32::try_from(rounds).map_err(|_| Refused)?;
        // SAFETY: each points to as many bytes as its length says, and the key that is made is neither of the two.
        let (password, salt, key) =
            unsafe { (input(password, password_length)?, input(salt, salt_length)?, output(to, key_length)?) };
        primitives::pbkdf2(hash(algorithm)?, password, salt, rounds, key)
    })
}

unsafe extern "C" fn cipher(
    _: Context,
    mode: c_int,
    key: *const c_uchar,
    key_length: c_int,
    iv: *const c_uchar,
    from: *const c_uchar,
    length: c_int,
    to: *mut c_uchar,
) -> c_int {
    code(|| {
        let direction = if mode == 0 { Direction::Decrypt } else { Direction::Encrypt };
        let length = usize::try_from(length).map_err(|_| Refused)?;
        if from.is_null() || to.is_null() {
            return Err(Refused);
        }
        // SAFETY: the key is `key_length` bytes and the vector a block; both lie outside of the page that is written.
        let (key, iv) = unsafe { (input(key, key_length)?, input(iv, BLOCK as c_int)?) };
        let (key, iv) = (key.try_into().map_err(|_| Refused)?, iv.try_into().map_err(|_| Refused)?);
        // SAFETY: both are `length` bytes. They may be one place, which `copy` allows.
        unsafe { ptr::copy(from, to, length) };
        // SAFETY: just written, so initialized, and only SQLCipher's; `from` is not read any more.
        let page = unsafe { slice::from_raw_parts_mut(to, length) };
        primitives::aes_256_cbc(direction, key, iv, page)
    })
}

/// Returns the hash that SQLCipher has this number for (`SQLCIPHER_HMAC_SHA1`, `SQLCIPHER_PBKDF2_HMAC_SHA1` and on).
fn hash(algorithm: c_int) -> Result<Hash, Refused> {
    match algorithm {
        0 => Ok(Hash::Sha1),
        1 => Ok(Hash::Sha256),
        2 => Ok(Hash::Sha512),
        _ => Err(Refused),
    }
}

/// Runs what a function of the table does, and returns SQLite's code for how it went. A panic that left a function of C's
/// convention would end the program.
fn code(work: impl FnOnce() -> Result<(), Refused>) -> c_int {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => OK,
        _ => ERROR,
    }
}

/// Returns what SQLCipher gave to be read. `Err` where there is none.
///
/// # Safety
///
/// `from` is null, or points to `length` initialized bytes that stay as they are for as long as the slice is used.
unsafe fn input<'a>(from: *const c_uchar, length: c_int) -> Result<&'a [u8], Refused> {
    let length = usize::try_from(length).map_err(|_| Refused)?;
    if from.is_null() {
        return Err(Refused);
    }
    // SAFETY: not null; the rest is the caller's promise.
    Ok(unsafe { slice::from_raw_parts(from, length) })
}

/// Returns what SQLCipher gave to be written, as zeros. `Err` where there is none.
///
/// # Safety
///
/// `to` is null, or points to room for `length` bytes that nobody else uses for as long as the slice is used.
unsafe fn output<'a>(to: *mut c_uchar, length: c_int) -> Result<&'a mut [u8], Refused> {
    let length = usize::try_from(length).map_err(|_| Refused)?;
    if to.is_null() {
        return Err(Refused);
    }
    // SAFETY: not null; the rest is the caller's promise. Zeros first: what a slice shows must have been written.
    unsafe {
        to.write_bytes(0, length);
        Ok(slice::from_raw_parts_mut(to, length))
    }
}
