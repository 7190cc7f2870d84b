//! Stock `rauc` judges our bundles, and we its.

use std::io::Read;
use std::process::Command;

use raucb::{Compression, Purpose};

use crate::certificates::{Identity, Use, VALID};
use crate::sealing::{COMPATIBLE, Parts, Rauc, VERITY, bundle, hash_tree, image, run, verify};

#[test]
fn stock_rauc_accepts_and_extracts_ours() {
    let root = Identity::root("root");
    let signer = root.issue("signer", Use::Mail, VALID);
    let content = image(1);
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd { level: 3 }] {
        let rauc = Rauc::new(&root);
        let path = rauc.path("ours.raucb");
        std::fs::write(&path, bundle(&signer, &content, compression)).unwrap();
        let keyring = format!("--keyring={}", rauc.path("keyring.pem").display());
        let info = run(Command::new("rauc").args(["info", "--output-format=shell", &keyring]).arg(&path));
        for expected in [
            format!("RAUC_MF_COMPATIBLE='{COMPATIBLE}'"),
            "RAUC_MF_VERSION='5.0.5'".to_owned(),
            "RAUC_MF_DESCRIPTION='Security fixes'".to_owned(),
            format!("RAUC_IMAGE_SIZE_0={}", content.len()),
            format!("RAUC_IMAGE_DIGEST_0='{}'", hex::encode(openssl::sha::sha256(&content))),
        ] {
            assert!(info.contains(&expected), "{compression:?}: {expected} not in {info}");
        }
        let out = rauc.path("extracted");
        run(Command::new("rauc").args(["extract", &keyring]).args([&path, &out]));
        assert!(std::fs::read(out.join("rootfs.img")).unwrap() == content, "{compression:?}");
    }
}

#[test]
fn accepts_what_stock_rauc_makes() {
    let root = Identity::root("root");
    let signer = root.issue("signer", Use::Anything, VALID);
    let rauc = Rauc::new(&root);
    let content = image(2);
    for arguments in [
        "",
        "-comp gzip",
        "-comp xz",
        "-comp zstd",
        "-comp zstd -b 1M",
        "-comp xz -b 1M -Xbcj x86",
        "-comp gzip -b 4096",
        "-comp zstd -no-fragments",
        "-comp zstd -always-use-fragments",
        "-comp gzip -noD -noF -noI",
    ] {
        let bytes = rauc.bundle(&signer, &content, VERITY, arguments);
        let verified =
            verify(&bytes, &root.policy()).unwrap_or_else(|error| panic!("{arguments}: {}", error.report()));
        assert_eq!(verified.manifest().compatible, COMPATIBLE);
        assert_eq!(verified.manifest().image("rootfs").unwrap().size, content.len() as u64);
        let mut read = Vec::new();
        verified.image_reader("rootfs").unwrap().read_to_end(&mut read).unwrap();
        assert!(read == content, "{arguments}: the image comes out as it went in");
    }
}

/// Not only the root: the kernel reads the tree from the file, so its levels must be where RAUC puts them.
#[test]
fn the_hash_tree_is_that_of_stock_rauc_byte_for_byte() {
    let root = Identity::root("root");
    let signer = root.issue("signer", Use::Mail, VALID);
    let rauc = Rauc::new(&root);
    // Three levels need more than 128 × 128 blocks of data.
    let content = crate::sealing::noise(68 << 20, 3);
    let theirs = rauc.bundle(&signer, &content, VERITY, "-comp zstd -noD");
    verify(&theirs, &root.policy()).unwrap();
    let theirs = Parts::of(&theirs);
    let (hash, tree) = hash_tree(&theirs.data, &hex::decode(theirs.value("verity-salt")).unwrap());
    assert_eq!(theirs.value("verity-hash"), hex::encode(hash));
    assert!(theirs.tree == tree, "the textbook tree is RAUC's");
    assert!(theirs.data.len() > 128 * 128 * 4096, "three levels");

    let ours = Parts::of(&bundle(&signer, &content, Compression::Zstd { level: 1 }));
    let (hash, tree) = hash_tree(&ours.data, &hex::decode(ours.value("verity-salt")).unwrap());
    assert_eq!(ours.value("verity-hash"), hex::encode(hash));
    assert!(ours.tree == tree, "and so is ours");
}

#[test]
fn the_code_signing_purpose_judges_as_stock_rauc_does() {
    let root = Identity::root("root");
    let mail = root.issue("mail authority", Use::MailAuthority, VALID);
    let content = image(4);
    let rauc = Rauc::new(&root);
    let keyring = rauc.path("keyring.pem");
    let intermediate = [&mail];
    for (name, signer, intermediates) in [
        ("code", root.issue("code", Use::Code, VALID), &[][..]),
        ("mail", root.issue("mail", Use::Mail, VALID), &[]),
        ("anything", root.issue("anything", Use::Anything, VALID), &[]),
        ("no signature", root.issue("no signature", Use::CodeWithoutSignature, VALID), &[]),
        ("server", root.issue("server", Use::TlsServer, VALID), &[]),
        ("code below mail", mail.issue("code", Use::Code, VALID), &intermediate),
        ("anything below mail", mail.issue("anything", Use::Anything, VALID), &intermediate),
    ] {
        let (source, path) = (rauc.path("image"), rauc.path("purpose.raucb"));
        std::fs::write(&source, &content).unwrap();
        let spec = crate::sealing::spec(&source, Compression::Gzip);
        raucb::write_bundle(&spec, &signer.signing_key_with(intermediates), &path).unwrap();
        for (option, purpose) in
            [("smimesign", Purpose::SmimeSign), ("codesign", Purpose::CodeSign), ("any", Purpose::Any)]
        {
            let config = rauc.path("system.conf");
            let system = "[system]\ncompatible=x\nbootloader=noop\n";
            let keyring = format!("[keyring]\npath={}\ncheck-purpose={option}\n", keyring.display());
            std::fs::write(&config, format!("{system}\n{keyring}")).unwrap();
            let theirs =
                Command::new("rauc").arg("info").arg("--conf").arg(&config).arg(&path).output().unwrap();
            let ours = raucb::Bundle::open(&path, &root.policy_for(purpose));
            assert_eq!(
                ours.is_ok(),
                theirs.status.success(),
                "{name} for {option}: {ours:?}, {}",
                String::from_utf8_lossy(&theirs.stderr)
            );
        }
    }
}
