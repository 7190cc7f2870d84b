//! Every way in which a squashfs can lay out a file, and squashfs images that a trusted signer has got wrong.

use std::io::Read;

use proptest::prelude::*;
use raucb::{Error, ErrorKind, Malformed};

use crate::certificates::{Identity, Use, VALID};
use crate::sealing::{image, image_section, mksquashfs, noise, seal, verify};

const COMPRESSORS: [&str; 3] = ["gzip", "xz", "zstd"];

#[test]
fn reads_files_of_every_layout() {
    let root = Identity::root("root");
    let signer = root.issue("signer", Use::Mail, VALID);
    let block = 131_072;
    let contents = [
        ("mixed", image(5)),
        ("empty", Vec::new()),
        ("one byte", vec![7]),
        ("one block", noise(block, 1)),
        ("one block and a byte", noise(block + 1, 2)),
        ("only a hole", vec![0; 3 * block]),
        ("a hole with an odd end", vec![0; 3 * block + 5]),
        ("compressible", b"abcd".repeat(100_000)),
    ];
    for (name, content) in &contents {
        for compressor in COMPRESSORS {
            for options in
                [&[][..], &["-no-fragments"], &["-always-use-fragments"], &["-noD", "-noF"], &["-noI"]]
            {
                let squashfs = mksquashfs(content, &[&["-comp", compressor], options].concat());
                let bytes = seal(&squashfs, &image_section(content), &signer);
                let context = format!("{name} with {compressor} {options:?}");
                let verified =
                    verify(&bytes, &root.policy()).unwrap_or_else(|error| panic!("{context}: {error:?}"));
                let (mut read, mut streamed) = (Vec::new(), Vec::new());
                verified.image_reader("rootfs").unwrap().read_to_end(&mut read).unwrap();
                let sink = |part: &[u8]| std::io::Write::write_all(&mut streamed, part);
                verified.stream_image("rootfs", &(), sink).unwrap();
                assert!(read == *content && streamed == *content, "{context}");
            }
        }
    }
}

fn malformed(bytes: &[u8], root: &Identity) -> Malformed {
    match verify(bytes, &root.policy()).unwrap_err() {
        Error::Malformed(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signed_lie_about_an_image_is_noticed() {
    let root = Identity::root("root");
    let signer = root.issue("signer", Use::Mail, VALID);
    let content = image(6);
    let squashfs = mksquashfs(&content, &["-comp", "zstd"]);
    let section = image_section(&content);
    let other = [&content[..content.len() - 1], b"?"].concat();
    let reason = malformed(&seal(&squashfs, &image_section(&other), &signer), &root);
    assert!(matches!(&reason, Malformed::ImageHash { filename } if filename == "rootfs.img"), "{reason:?}");
    let reason = malformed(&seal(&squashfs, &image_section(&content[1..]), &signer), &root);
    assert!(matches!(reason, Malformed::ImageSize { .. }), "{reason:?}");
    let reason = malformed(&seal(&squashfs, &section.replace("rootfs.img", "absent.img"), &signer), &root);
    assert!(matches!(&reason, Malformed::MissingImage(name) if name == "absent.img"), "{reason:?}");
    let reason = malformed(&seal(&noise(50_000, 4), &section, &signer), &root);
    assert!(matches!(reason, Malformed::Squashfs(_)), "{reason:?}");
    let reason = malformed(&seal(b"", &section, &signer), &root);
    assert!(matches!(reason, Malformed::Squashfs(_)), "{reason:?}");
}

#[test]
fn what_is_no_image_is_not_looked_at() {
    let root = Identity::root("root");
    let signer = root.issue("signer", Use::Mail, VALID);
    let content = image(8);
    let mut squashfs = mksquashfs(&content, &["-comp", "zstd", "-noI", "-noId"]);
    // The first inode of the table, behind the length of its block, is that of another file.
    let inode = 2 + u64::from_le_bytes(squashfs[64..72].try_into().unwrap()) as usize;
    assert_eq!(squashfs[inode..inode + 2], [2, 0], "a file");
    // Now one of another kind, and with more blocks than any memory holds.
    squashfs[inode..inode + 2].copy_from_slice(&[9, 0]);
    squashfs[inode + 24..inode + 32].copy_from_slice(&((2_u64 << 40) - 1).to_le_bytes());
    verify(&seal(&squashfs, &image_section(&content), &signer), &root.policy()).unwrap();
}

#[test]
fn compressors_other_than_the_three_are_refused() {
    let root = Identity::root("root");
    let signer = root.issue("signer", Use::Mail, VALID);
    let content = b"x".repeat(200_000);
    for compressor in ["lz4", "lzo", "lzma"] {
        let squashfs = mksquashfs(&content, &["-comp", compressor]);
        let reason = malformed(&seal(&squashfs, &image_section(&content), &signer), &root);
        assert!(matches!(reason, Malformed::Squashfs(_)), "{compressor}: {reason:?}");
    }
}

/// Places whose bytes decide how the rest is read: superblock, tables, and the start of the data.
fn place(squashfs: &[u8], region: u8, at: usize) -> usize {
    let table = |offset: usize| u64::from_le_bytes(squashfs[offset..offset + 8].try_into().unwrap()) as usize;
    match region {
        0 => at % 96,
        1 => table(64) + at % (table(40) - table(64)),
        2 => 96 + at % 4096,
        _ => at % squashfs.len(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// A damaged squashfs that is nevertheless signed ends in an error, or in the image that was promised.
    #[test]
    fn damage_below_a_good_signature_never_panics(
        compressor in 0..3_usize,
        uncompressed in any::<bool>(),
        changes in proptest::collection::vec((0..4_u8, any::<u32>(), any::<u8>()), 1..4),
    ) {
        use std::sync::LazyLock;
        static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
            [noise(150_000, 8), vec![0; 300_000], b"text ".repeat(40_000)].concat()
        });
        static SQUASHFS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
            let all = COMPRESSORS.iter().flat_map(|compressor| {
                // Uncompressed metadata lets a flipped bit reach the fields themselves.
                [vec!["-comp", compressor], vec!["-comp", compressor, "-noI", "-noF", "-b", "16K"]]
            });
            all.map(|options| mksquashfs(&CONTENT, &options)).collect()
        });
        static ROOT: LazyLock<Identity> = LazyLock::new(|| Identity::root("root"));
        static SIGNER: LazyLock<Identity> = LazyLock::new(|| ROOT.issue("signer", Use::Mail, VALID));
        let sound = &SQUASHFS[compressor * 2 + usize::from(uncompressed)];
        let mut squashfs = sound.clone();
        for (region, at, value) in changes {
            let place = place(sound, region, at as usize);
            squashfs[place] = value;
        }
        let bytes = seal(&squashfs, &image_section(&CONTENT), &SIGNER);
        match verify(&bytes, &ROOT.policy()) {
            Ok(verified) => {
                let mut read = Vec::new();
                verified.image_reader("rootfs").unwrap().read_to_end(&mut read).unwrap();
                prop_assert!(read == *CONTENT);
            }
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Malformed, "{:?}", error),
        }
    }
}
