//! The class of every refusal, which callers map onto their own codes.

use openssl::cms::CMSOptions;
use raucb::{ErrorKind, Policy};

use crate::certificates::{EXPIRED, FUTURE, Identity, Use, VALID};
use crate::refusals::{GOOD, ROOT, SIGNER, bundle_of};
use crate::sealing::{Parts, assemble, image_section, manifest, open, seal, sign, verify};

#[test]
fn every_refusal_has_its_class() {
    use ErrorKind::{Incompatible, Malformed, Untrusted};
    let flipped = |at: usize| {
        let mut bytes = GOOD.clone();
        bytes[at] ^= 1;
        bytes
    };
    let parts = Parts::of(&GOOD);
    let (tree, signature) = (parts.data.len(), parts.data.len() + parts.tree.len());
    let issued = |usage, days| bundle_of(&ROOT.issue("issued", usage, days));
    let hooks = image_section(b"") + "hooks=post-install\n\n[hooks]\nfilename=hook.sh\n";
    let plain = manifest(&[0; 32], &[0; 32], 4096, "").replace("format=verity", "format=plain");
    let plain = assemble(&[0; 8192], &[0; 4096], &sign(&SIGNER, plain.as_bytes(), CMSOptions::empty()));
    let long = seal(&[0; 8192], &format!("[meta.x]\nk={}\n", "v".repeat(66_000)), &SIGNER);
    for (name, bytes, kind) in [
        ("wrong authority", bundle_of(&Identity::root("other")), Untrusted),
        ("expired", issued(Use::Mail, EXPIRED), Untrusted),
        ("not valid yet", issued(Use::Mail, FUTURE), Untrusted),
        ("wrong purpose", issued(Use::Code, VALID), Untrusted),
        ("flipped in the signed manifest", flipped(GOOD.len() - 8 - parts.signature.len() + 60), Untrusted),
        ("flipped in the signature", flipped(GOOD.len() - 20), Untrusted),
        ("flipped in the superblock", flipped(0), Malformed),
        ("flipped in the data", flipped(1_000_000), Malformed),
        ("flipped in the metadata", flipped(tree - 1), Malformed),
        ("flipped at the root of the tree", flipped(tree), Malformed),
        ("flipped in the leaves of the tree", flipped(signature - 4096), Malformed),
        ("flipped in the trailer", flipped(GOOD.len() - 3), Malformed),
        ("cut by one byte", GOOD[..GOOD.len() - 1].to_vec(), Malformed),
        ("cut in the payload", GOOD[..signature / 2].to_vec(), Malformed),
        ("empty", Vec::new(), Malformed),
        ("trailing byte", [&GOOD[..], b"x"].concat(), Malformed),
        ("plain", plain, Malformed),
        ("hooks", seal(&[0; 8192], &hooks, &SIGNER), Malformed),
        ("signature of more than 64 KiB", long, Malformed),
    ] {
        let error = verify(&bytes, &ROOT.policy()).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {}", error.report());
    }
    let other = Policy { compatible: Some("Other-GW".to_owned()), ..ROOT.policy() };
    assert_eq!(open(&GOOD, &other).unwrap_err().kind(), Incompatible);
}
