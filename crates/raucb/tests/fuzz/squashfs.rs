//! A squashfs that somebody trusted has signed, whatever it is.

#[allow(dead_code, reason = "made for other tests")]
#[path = "../bundles/certificates.rs"]
pub mod certificates;
#[allow(dead_code, reason = "made for other tests")]
#[path = "../bundles/sealing.rs"]
pub mod sealing;

use std::sync::LazyLock;

use certificates::{Identity, Use, VALID};
use openssl::sha::Sha256;
use raucb::{Bundle, Error, ErrorKind, Policy};

/// Bytes that an image has at most, so that a hole costs no time.
const LONGEST: u32 = 4 << 20;
/// Bytes of a squashfs' longest block.
const BLOCK: usize = 1 << 20;

static SIGNER: LazyLock<(Identity, Policy)> = LazyLock::new(|| {
    let root = Identity::root("root");
    (root.issue("signer", Use::Mail, VALID), root.policy())
});

/// Signs the squashfs that follows what the manifest is to say about its image, length and SHA-256, and takes the image out.
pub fn squashfs(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else { return };
    let Some((sha256, squashfs)) = rest.split_first_chunk::<32>() else { return };
    let length = u32::from_le_bytes(*length) % (LONGEST + 1);
    let (signer, policy) = &*SIGNER;
    let section =
        format!("\n[image.rootfs]\nsha256={}\nsize={length}\nfilename=rootfs.img\n", hex::encode(sha256));
    let sealed = sealing::seal(squashfs, &section, signer);
    let open = || Bundle::from_file(super::bundle::file(&[&sealed]), policy).unwrap();
    let streamed = stream(open(), length as usize, *sha256);
    let verified = open().verify(&()).map(drop);
    assert_eq!(streamed.is_ok(), verified.is_ok(), "{streamed:?} {verified:?}");
    for error in [streamed.err(), verified.err()].into_iter().flatten() {
        assert_eq!(error.kind(), ErrorKind::Malformed, "{error:?}");
    }
}

/// No byte more comes out than was signed, and none is called good that is not.
fn stream(bundle: Bundle, length: usize, sha256: [u8; 32]) -> Result<(), Error> {
    let (mut taken, mut hash) = (0, Sha256::new());
    let streamed = bundle.verify_on_read()?.stream_image("rootfs", &(), |part| {
        assert!(part.len() <= BLOCK);
        taken += part.len();
        hash.update(part);
        Ok(())
    });
    assert!(taken <= length, "{taken} of {length} bytes");
    if streamed.is_ok() {
        assert_eq!((taken, hash.finish()), (length, sha256));
    }
    streamed
}
