//! Where the fuzzer starts: what the crate's own writer and stock tools make, and what is nearly that.

use std::fs;

use openssl::cms::CMSOptions;
use openssl::sha::sha256;
use raucb::Compression;

use crate::corpus;
use crate::squashfs::certificates::{EXPIRED, FUTURE, Identity, Use, VALID};
use crate::squashfs::sealing::{
    Parts, bundle, hash_tree, image_section, manifest, mksquashfs, noise, run, sign,
};

/// Ends of bundles.
pub const BUNDLES: usize = 14;
pub const SQUASHFS: usize = 11;

pub const MANIFESTS: [&str; 5] = [
    "[update]\ncompatible=Univa-GW-Pro\nversion=5.0.5\ndescription=two\\nlines\\s\nbuild=20261124\n\n[bundle]\nformat=verity\n\
     verity-hash=90da31ddb7df17df606b23f07ef680d36baf10224572e5da4d440f9be873f62d\n\
     verity-salt=90da31ddb7df17df606b23f07ef680d36baf10224572e5da4d440f9be873f62d\nverity-size=8192\n\n[image.rootfs]\n\
     sha256=90da31ddb7df17df606b23f07ef680d36baf10224572e5da4d440f9be873f62d\nsize=9\nfilename=rootfs.img\n\n\
     [image.appfs.v2]\nsha256=90da31ddb7df17df606b23f07ef680d36baf10224572e5da4d440f9be873f62d\nsize=7\nfilename=app.ext4\n\
     hooks=pre-install;post-install\n\n[meta.gateway-ota]\nkernel=6.6.1\n",
    "[update]\ncompatible=a\n[bundle]\nformat=plain\n",
    "[update]\ncompatible=a\n[bundle]\nformat=crypt\n[hooks]\nfilename=hook.sh\nhooks=install-check\n",
    "# comment\n\n[handler]\nfilename=x\nargs=--a\n[update]\ncompatible=a\ncompatible=b\n",
    "[image.rootfs]\nfilename=../x\n[image.rootfs]\ntype=raw\nsize=99999999999999999999\n",
];

fn content() -> Vec<u8> {
    [noise(3000, 1), b"the quick brown fox. ".repeat(100), vec![0; 5000], noise(777, 2)].concat()
}

/// The one good bundle's signer and payload, and every end that belongs to it or nearly does.
struct Signed {
    root: Identity,
    payload: Vec<u8>,
    ends: Vec<(&'static str, Vec<u8>)>,
}

fn signed() -> Signed {
    let root = Identity::root("root");
    let signer = root.issue("signer", Use::Mail, VALID);
    let parts = Parts::of(&bundle(&signer, &content(), Compression::Zstd { level: 1 }));
    let payload = [&parts.data[..], &parts.tree].concat();
    let salt = hex::decode(parts.value("verity-salt")).unwrap();
    let (tree_root, tree) = hash_tree(&parts.data, &salt);
    let text = |sections: &str| manifest(&tree_root, &salt, tree.len(), sections);
    let whole = text(&image_section(&content()));
    let by = |name, usage, days| sign(&root.issue(name, usage, days), whole.as_bytes(), CMSOptions::empty());
    let says = |text: &str| sign(&signer, text.as_bytes(), CMSOptions::empty());
    let signatures = vec![
        ("whole", parts.signature.clone()),
        ("stranger", sign(&Identity::root("root"), whole.as_bytes(), CMSOptions::empty())),
        ("code", by("code", Use::Code, VALID)),
        ("expired", by("expired", Use::Mail, EXPIRED)),
        ("future", by("future", Use::Mail, FUTURE)),
        ("detached", sign(&signer, whole.as_bytes(), CMSOptions::DETACHED)),
        ("no-certificate", sign(&signer, whole.as_bytes(), CMSOptions::CMS_NOCERTS)),
        ("plain", says(&whole.replace("format=verity\n", ""))),
        ("hooks", says(&text("\n[hooks]\nfilename=hook.sh\n"))),
        ("tree-size", says(&whole.replace("verity-size=", "verity-size=1"))),
        ("no-text", says("\u{0}")),
    ];
    let closed = |signature: &[u8]| [signature, &(signature.len() as u64).to_be_bytes()].concat();
    let mut ends: Vec<_> = signatures.iter().map(|(name, bytes)| (*name, closed(bytes))).collect();
    ends.push(("too-long", [&[0x30; 70_000][..], &70_000_u64.to_be_bytes()].concat()));
    ends.push(("endless", [&parts.signature[..], &u64::MAX.to_be_bytes()].concat()));
    ends.push(("nothing", Vec::new()));
    Signed { root, payload, ends }
}

fn squashfs() -> Vec<(String, Vec<u8>)> {
    let content = content();
    let head = [&(content.len() as u32).to_le_bytes()[..], &sha256(&content)].concat();
    let with_head = |squashfs: &[u8]| [&head[..], squashfs].concat();
    let signer = Identity::root("root");
    let ours = [Compression::Gzip, Compression::Xz, Compression::Zstd { level: 3 }].map(|compression| {
        let parts = Parts::of(&bundle(&signer, &content, compression));
        (
            format!("ours-{compression:?}").to_lowercase().replace([' ', '{', '}', ':'], ""),
            with_head(&parts.data),
        )
    });
    let stock = [
        ("gzip-blocks", &["-comp", "gzip", "-b", "4096"][..]),
        ("xz-tail", &["-comp", "xz", "-b", "8192", "-always-use-fragments"]),
        ("zstd-no-tail", &["-comp", "zstd", "-b", "8192", "-no-fragments"]),
        ("raw", &["-comp", "gzip", "-noD", "-noF", "-noI", "-b", "4096"]),
        ("lzo", &["-comp", "lzo"]),
        ("no-export", &["-comp", "gzip", "-no-exports", "-no-xattrs"]),
        ("bare", &["-comp", "zstd", "-noD", "-noF", "-noI", "-noId", "-nopad", "-no-exports"]),
    ];
    let stock = stock.map(|(name, arguments)| (name.to_owned(), with_head(&mksquashfs(&content, arguments))));
    let bomb = ("hard-links".to_owned(), with_head(&hard_links(&content)));
    ours.into_iter().chain(stock).chain([bomb]).collect()
}

/// A file of many blocks under many names, beside the image: a MiB of metadata for each name that is looked at.
fn hard_links(image: &[u8]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (content, out) = (directory.path().join("content"), directory.path().join("out.squashfs"));
    fs::create_dir(&content).unwrap();
    fs::write(content.join("rootfs.img"), image).unwrap();
    fs::File::create(content.join("0")).unwrap().set_len(1 << 30).unwrap();
    (1..500).for_each(|name| fs::hard_link(content.join("0"), content.join(name.to_string())).unwrap());
    let mut command = std::process::Command::new("mksquashfs");
    run(command.args([&content, &out]).args(["-no-progress", "-noappend", "-comp", "zstd", "-b", "4096"]));
    fs::read(out).unwrap()
}

/// For another format, or other seeds. Files that were found by fuzzing stay; those of bundles were signed with a key that this
/// replaces, and are only bytes from then on.
#[test]
#[ignore = "writes the seeds of the corpora anew"]
fn write_seeds() {
    let write = |name: &str, seed: &str, bytes: &[u8]| {
        fs::create_dir_all(corpus(name)).unwrap();
        fs::write(corpus(name).join(seed), bytes).unwrap();
    };
    let Signed { root, payload, ends } = signed();
    fs::write(corpus("payload"), payload).unwrap();
    fs::write(corpus("keyring.pem"), root.certificate_pem()).unwrap();
    ends.iter().for_each(|(seed, bytes)| write("bundle", seed, bytes));
    squashfs().iter().for_each(|(seed, bytes)| write("squashfs", seed, bytes));
    MANIFESTS
        .iter()
        .enumerate()
        .for_each(|(index, text)| write("manifest", &index.to_string(), text.as_bytes()));
}
