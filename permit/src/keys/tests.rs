//! Keys in a folder, and tokens read back by another implementation than the one that wrote them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::{JwkSet, ThumbprintHash};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};

use super::*;
use crate::verify::tests::{claims, intent_claims};

const NOW: i64 = 1_789_000_000;
const PUBLIC_KEY_ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "pem"));
    files.sort();
    files
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn kids(jwks: &serde_json::Value) -> Vec<String> {
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Reads a token with jsonwebtoken's own decoder and the published keys.
fn read<T: serde::de::DeserializeOwned>(ring: &KeyRing, token: &str) -> (jsonwebtoken::Header, T) {
    let header = decode_header(token).unwrap();
    let set: JwkSet = serde_json::from_value(ring.jwks(NOW)).unwrap();
    let key = DecodingKey::from_jwk(set.find(header.kid.as_deref().unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    (header, decode(token, &key, &validation).unwrap().claims)
}

#[test]
fn permits_of_every_algorithm_are_read_by_an_independent_decoder() {
    for algorithm in PUBLIC_KEY_ALGORITHMS {
        let ring = KeyRing::ephemeral(algorithm, NOW).unwrap();
        let (header, read_back) = read::<Claims>(&ring, &ring.sign(&claims(NOW)).unwrap());
        assert_eq!(read_back, claims(NOW));
        assert_eq!(header.typ.as_deref(), Some("permit+jwt"));
        assert_eq!(format!("{:?}", header.alg), algorithm.name());
        assert_eq!(header.kid.as_deref(), Some(ring.list()[0].kid.as_str()));

        let (header, read_back) = read::<IntentClaims>(&ring, &ring.sign_intent(&intent_claims(NOW)).unwrap());
        assert_eq!(read_back, intent_claims(NOW));
        assert_eq!(header.typ.as_deref(), Some("intent-permit+jwt"));
    }
}

#[test]
fn hs256_signs_intent_permits_with_a_shared_secret() {
    let secret = [7; 32];
    let token = HmacSigner::new(&secret).unwrap().sign_intent(&intent_claims(NOW)).unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    let read = decode::<IntentClaims>(&token, &DecodingKey::from_secret(&secret), &validation).unwrap();
    assert_eq!(read.claims, intent_claims(NOW));
    assert_eq!(read.header.typ.as_deref(), Some("intent-permit+jwt"));
    assert!(matches!(HmacSigner::new(&[7; 31]), Err(KeyError::ShortSecret(31))));
}

#[test]
fn hs256_is_no_key_of_a_ring() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(KeyRing::open(folder.path(), Algorithm::Hs256, NOW), Err(KeyError::Symmetric)));
    assert!(matches!(KeyRing::rotate(folder.path(), Algorithm::Hs256, NOW, 0), Err(KeyError::Symmetric)));
    assert!(matches!(KeyRing::ephemeral(Algorithm::Hs256, NOW), Err(KeyError::Symmetric)));
    assert!(files(folder.path()).is_empty());
}

#[test]
fn the_key_set_says_what_each_key_is_for_and_holds_nothing_private() {
    for algorithm in PUBLIC_KEY_ALGORITHMS {
        let ring = KeyRing::ephemeral(algorithm, NOW).unwrap();
        let jwks = ring.jwks(NOW);
        let key = jwks["keys"][0].as_object().unwrap();
        assert_eq!((key["use"].as_str(), key["alg"].as_str()), (Some("sig"), Some(algorithm.name())));
        let names: BTreeSet<&str> = key.keys().map(String::as_str).collect();
        let expected: &[&str] = match algorithm {
            Algorithm::Es256 => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            Algorithm::EdDsa => &["alg", "crv", "kid", "kty", "use", "x"],
            _ => &["alg", "e", "kid", "kty", "n", "use"],
        };
        assert_eq!(names, expected.iter().copied().collect());

        let set: JwkSet = serde_json::from_value(jwks.clone()).unwrap();
        assert_eq!(set.keys[0].thumbprint(ThumbprintHash::SHA256).unwrap(), key["kid"].as_str().unwrap());
    }
}

#[test]
fn a_first_start_makes_a_key_that_only_its_owner_reads() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state/keys");
    for (number, algorithm) in PUBLIC_KEY_ALGORITHMS.into_iter().enumerate() {
        let first = KeyRing::open(&folder, algorithm, NOW).unwrap();
        assert_eq!(files(&folder).len(), number + 1);
        let second = KeyRing::open(&folder, algorithm, NOW + 1000).unwrap();
        assert_eq!(first.list()[0], second.list()[0]);
        assert_eq!(first.list()[0].created_at, NOW);
        assert_eq!(first.jwks(NOW)["keys"][0], second.jwks(NOW)["keys"][0]);
        read::<Claims>(&first, &second.sign(&claims(NOW)).unwrap());
    }
    assert_eq!(mode(&folder), 0o700);
    for file in files(&folder) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn starts_at_the_same_moment_agree_on_one_key() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let barrier = std::sync::Barrier::new(8);
    let open = || {
        barrier.wait();
        KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap().list()[0].kid.clone()
    };
    let kids: BTreeSet<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_eq!(kids.len(), 1);
    assert_eq!(files(&folder).len(), 1);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap();
    let file = files(&folder).remove(0);
    for exposed in [0o640, 0o604, 0o620] {
        set_mode(&file, exposed);
        let error = KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap_err();
        assert!(matches!(error, KeyError::Exposed { mode, .. } if mode == exposed), "{error}");
        assert!(error.to_string().contains(&format!("chmod 600 {}", file.display())), "{error}");
        assert!(KeyRing::rotate(&folder, Algorithm::Es256, NOW, 60).is_err());
    }
    assert_eq!(files(&folder), std::slice::from_ref(&file));
    set_mode(&file, 0o400);
    KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap();
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    set_mode(parent.path(), 0o770);
    let error = KeyRing::open(parent.path(), Algorithm::Es256, NOW).unwrap_err();
    assert!(error.to_string().contains("chmod 700"), "{error}");
    assert!(files(parent.path()).is_empty());
}

#[test]
fn what_is_no_key_is_refused_by_name() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let kid = KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap().list()[0].kid.clone();
    let good = files(&folder).remove(0);
    let text = fs::read_to_string(&good).unwrap();
    let cases = [
        ("foreign.pem".to_owned(), text.clone(), "its name is not"),
        (format!("HS512.{NOW}.{kid}.pem"), text.clone(), "its name is not"),
        (format!("ES256.{NOW}.{kid}.12.pem"), text.clone(), "its name is not"),
        (format!("ES256.{NOW}.{kid}.1.2.3.pem"), text.clone(), "its name is not"),
        (format!("ES256.{NOW}.other.pem"), text.clone(), "its contents are"),
        (format!("EdDSA.{NOW}.{kid}.pem"), text.clone(), "no EdDSA key"),
        (format!("ES256.1.{kid}.pem"), String::new(), "no PEM block"),
        (format!("ES256.2.{kid}.pem"), text.replace("MIGHAgEAMBMGByqGSM49", "AAAA"), "no ES256 key"),
    ];
    for (name, contents, why) in cases {
        let path = folder.join(&name);
        fs::write(&path, contents).unwrap();
        set_mode(&path, 0o600);
        let error = KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains(&name), "{name}: {error}");
        fs::remove_file(path).unwrap();
    }
    fs::write(folder.join("README"), "not a key").unwrap();
    KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap();
}

#[test]
fn rotation_keeps_the_old_key_listed_until_its_permits_have_died() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let before = KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap();
    let old = before.list()[0].kid.clone();
    let permit = before.sign(&claims(NOW)).unwrap();

    let new = KeyRing::rotate(&folder, Algorithm::Es256, NOW + 10, 300).unwrap();
    let after = KeyRing::open(&folder, Algorithm::Es256, NOW + 10).unwrap();
    assert_ne!(new.kid, old);
    assert_eq!(after.list()[0], new);
    assert_eq!(after.list()[1].retired_at, Some(NOW + 10));
    read::<Claims>(&after, &permit);
    let signed_by = decode_header(after.sign(&claims(NOW)).unwrap()).unwrap().kid;
    assert_eq!(signed_by, Some(new.kid.clone()));

    assert_eq!(kids(&after.jwks(NOW + 309)), [new.kid.clone(), old.clone()]);
    assert_eq!(kids(&after.jwks(NOW + 310)), std::slice::from_ref(&new.kid));

    // A dead key's file goes with the next rotation, not before.
    assert_eq!(files(&folder).len(), 2);
    KeyRing::rotate(&folder, Algorithm::Es256, NOW + 310, 300).unwrap();
    let left = KeyRing::open(&folder, Algorithm::Es256, NOW + 310).unwrap();
    assert!(left.list().iter().all(|key| key.kid != old));
    assert_eq!(left.list().len(), 2);
}

#[test]
fn two_rotations_in_one_second_leave_the_last_key_signing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    for _ in 0..4 {
        let new = KeyRing::rotate(&folder, Algorithm::EdDsa, NOW, 60).unwrap();
        assert_eq!(KeyRing::open(&folder, Algorithm::EdDsa, NOW).unwrap().list()[0], new);
    }
}

#[test]
fn a_rotation_that_was_cut_short_leaves_both_keys_listed_and_the_newer_signing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap();
    let old = files(&folder).remove(0);
    let new = KeyRing::rotate(&folder, Algorithm::Es256, NOW + 5, 60).unwrap();
    // As if the process had died before the old file was renamed, with a third one half written.
    let retired = files(&folder).into_iter().find(|file| file.to_string_lossy().contains(".1789000065.")).unwrap();
    fs::rename(retired, old).unwrap();
    fs::write(folder.join(".new-half"), "-----BEGIN").unwrap();

    let ring = KeyRing::open(&folder, Algorithm::Es256, NOW + 5).unwrap();
    assert_eq!(ring.list()[0], new);
    assert_eq!(kids(&ring.jwks(NOW + 1_000_000)).len(), 2);
    KeyRing::rotate(&folder, Algorithm::Es256, NOW + 6, 60).unwrap();
    assert_eq!(kids(&KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap().jwks(NOW + 66)).len(), 1);
    assert!(!folder.join(".new-half").exists());
}

#[test]
fn another_algorithm_gets_its_own_key_and_the_first_stays_listed() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let first = KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap();
    let second = KeyRing::open(&folder, Algorithm::EdDsa, NOW + 1).unwrap();
    assert_eq!(second.list()[0].algorithm, Algorithm::EdDsa);
    read::<Claims>(&second, &first.sign(&claims(NOW)).unwrap());
    read::<Claims>(&second, &second.sign(&claims(NOW)).unwrap());
}

#[test]
fn a_retired_key_never_signs_again() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    let retired = KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap().list()[0].kid.clone();
    KeyRing::rotate(&folder, Algorithm::EdDsa, NOW + 1, 60).unwrap();
    // Back to the first algorithm, and to a clock that was set back.
    let ring = KeyRing::open(&folder, Algorithm::Es256, NOW - 1000).unwrap();
    assert_ne!(ring.list()[0].kid, retired);
    assert_eq!(ring.list()[0].retired_at, None);
    assert_eq!(KeyRing::open(&folder, Algorithm::Es256, NOW).unwrap().list()[0], ring.list()[0]);
}

#[test]
fn debug_output_holds_no_private_key() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("keys");
    for algorithm in PUBLIC_KEY_ALGORITHMS {
        let shown = format!("{:?}", KeyRing::open(&folder, algorithm, NOW).unwrap());
        assert!(shown.contains("public_key"), "{shown}");
        assert!(!shown.to_lowercase().contains("private") && !shown.contains("seed"), "{shown}");
    }
    assert!(!format!("{:?}", HmacSigner::new(&[7; 32]).unwrap()).contains("7, 7"));
}
