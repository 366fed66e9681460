//! What others published: RFC 2202 and 4231 (HMAC), RFC 6070 and 7914 (PBKDF2), NIST SP 800-38A (AES-256-CBC).
//!
//! No RFC has vectors of PBKDF2 over SHA-512; those here are RFC 6070's inputs, and their outputs are Python's `hashlib`.

use data_encoding::HEXLOWER_PERMISSIVE;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).unwrap()
}

const LONG: &[u8] =
    b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be \
    hashed before being used by the HMAC algorithm.";

#[test]
fn hmac_is_that_of_rfc_2202_and_4231() {
    let count: Vec<u8> = (1..=25).collect();
    for (hash, key, message, tag) in [
        (Hash::Sha1, &[0x0b; 20][..], &b"Hi There"[..], "b617318655057264e28bc0b6fb378c8ef146be00"),
        (Hash::Sha1, b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (Hash::Sha256, &[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            Hash::Sha256,
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (Hash::Sha256, &[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (Hash::Sha256, &count, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (
            Hash::Sha256,
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (Hash::Sha256, &[0xaa; 131], LONG, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        (
            Hash::Sha512,
            &[0x0b; 20],
            b"Hi There",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1\
             702e696c203a126854",
        ),
        (
            Hash::Sha512,
            b"Jefe",
            b"what do ya want for nothing?",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b\
             4b636e070a38bce737",
        ),
        (
            Hash::Sha512,
            &[0xaa; 131],
            LONG,
            "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de044\
             6065c97440fa8c6a58",
        ),
    ] {
        let tag = hex(tag);
        assert_eq!(tag.len(), hash.tag_length());
        assert_eq!(hmac(hash, key, message, &[]).as_ref(), tag, "{hash:?}");
        // In two pieces, wherever it is cut.
        for at in 0..=message.len() {
            assert_eq!(hmac(hash, key, &message[..at], &message[at..]).as_ref(), tag, "{hash:?} at {at}");
        }
    }
}

#[test]
fn pbkdf2_is_that_of_rfc_6070_and_7914() {
    let (password, salt) = (&b"passwordPASSWORDpassword"[..], &b"saltSALTsaltSALTsaltSALTsaltSALTsalt"[..]);
    for (hash, password, salt, rounds, key) in [
        (Hash::Sha1, &b"password"[..], &b"salt"[..], 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
        (Hash::Sha1, b"password", b"salt", 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
        (Hash::Sha1, b"password", b"salt", 4096, "4b007901b765489abead49d926f721d065a429c1"),
        (Hash::Sha1, password, salt, 4096, "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"),
        (Hash::Sha1, b"pass\0word", b"sa\0lt", 4096, "56fa6aa75548099dcc37d7f03425e0c3"),
        (
            Hash::Sha256,
            b"passwd",
            b"salt",
            1,
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30b\
             d509112041d3a19783",
        ),
        (
            Hash::Sha256,
            b"Password",
            b"NaCl",
            80_000,
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d0\
             78478f62b397f33c8d",
        ),
        (
            Hash::Sha512,
            b"password",
            b"salt",
            1,
            "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252c02d470a285a0501bad999bfe943c08f050235d7d68b1d\
             a55e63f73b60a57fce",
        ),
        (
            Hash::Sha512,
            password,
            salt,
            4096,
            "8c0511f4c6e597c6ac6315d8f0362e225f3c501495ba23b868c005174dc4ee71115b59f9e60cd9532fa33e0f75aefe30225c583a186cd8\
             2bd4daea9724a3d3b8",
        ),
    ] {
        let expected = hex(key);
        let mut key = vec![0; expected.len()];
        pbkdf2(hash, password, salt, rounds, &mut key).unwrap();
        assert_eq!(key, expected, "{hash:?}, {rounds} rounds");
    }
    assert_eq!(pbkdf2(Hash::Sha512, password, salt, 0, &mut [0; 32]), Err(Refused));
}

#[test]
fn aes_256_cbc_is_that_of_sp_800_38a() {
    let key: [u8; KEY] = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4").try_into().unwrap();
    let iv: [u8; BLOCK] = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
    let plain = hex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad\
         2b417be66c3710",
    );
    let sealed = hex(
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda\
         6c19078c6a9d1b",
    );
    let mut page = plain.clone();
    aes_256_cbc(Direction::Encrypt, &key, iv, &mut page).unwrap();
    assert_eq!(page, sealed);
    aes_256_cbc(Direction::Decrypt, &key, iv, &mut page).unwrap();
    assert_eq!(page, plain);
    for direction in [Direction::Encrypt, Direction::Decrypt] {
        assert_eq!(aes_256_cbc(direction, &key, iv, &mut [0; 17]), Err(Refused), "no whole number of blocks");
    }
}

#[test]
fn randomness_is_drawn_anew() {
    let (mut one, mut other) = ([0; 48], [0; 48]);
    random(&mut one).and_then(|()| random(&mut other)).unwrap();
    assert!(one != other && one != [0; 48] && other != [0; 48]);
}
