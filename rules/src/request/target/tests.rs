//! Targets as text: one spelling, or refused.

use proptest::prelude::*;

use super::*;

fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn spelled(raw: &[u8]) -> Result<String, Malformed> {
    read(raw).map(|target| match target.query {
        Some(query) => format!("{}?{query}", target.path),
        None => target.path,
    })
}

#[test]
fn targets_have_one_spelling() {
    for row in rows(
        "
        /                       => /
        /v1/refunds/7/          => /v1/refunds/7/
        /v1/%72efunds/7         => /v1/refunds/7
        /V1/%52efunds/7         => /V1/Refunds/7
        /%41dmin                => /Admin
        /%7euser/%2d%5F         => /~user/-_
        /a%2cb                  => /a%2Cb
        /a,b@c:d!$&'()*+=       => /a,b@c:d!$&'()*+=
        /caf%c3%a9              => /caf%C3%A9
        /a%20b                  => /a%20b
        /{id}/[0]|^`            => /%7Bid%7D/%5B0%5D%7C%5E%60
        /o%2fr                  => /o%2Fr
        /v1/refunds/*           => /v1/refunds/*
        /100%25                 => /100%25
        /x?                     => /x?
        /x?a=b?c                => /x?a=b?c
        /x?a[]=%5b              => /x?a%5B%5D=%5B
        /x?%61mount=%2B+%3b;    => /x?amount=%2B+%3B;
        /x?u=%252f              => /x?u=%252f
        http://h                => /
        HTTP://h?x=1            => /?x=1
        https://h/a             => /a
        ",
    ) {
        let (raw, expected) = row.split_once("=>").unwrap();
        assert_eq!(spelled(raw.trim().as_bytes()).as_deref(), Ok(expected.trim()), "{row}");
    }
}

#[test]
fn targets_with_two_readings_are_refused() {
    for raw in rows(
        "
        /v1/public/../admin/keys
        /v1/public/%2e%2e/admin
        /v1/public/.%2e/admin
        /v1/public/%2E./admin
        /v1/public%2f..%2fadmin
        /v1/public%2F%2e%2e%5cadmin
        /a%5c..
        /./a
        /a/.
        /..
        /../../admin
        /v1/public\\..\\admin
        /a\\b
        /%252e%252e/admin
        /a%252fb
        /a%25%32%66b
        /a%2525b
        /v1/public/..;/admin
        /a;b=c/d
        /a%3bb
        //admin/keys
        /v1//refunds/7
        /a//
        //
        /admin%00.json
        /admin/keys%0a
        /admin/keys%0d%0a
        /a%7f
        /v1/public#/../admin
        /v1/x?y#z
        /a%23b
        /v1/refunds%3fx=1
        /a b
        /a?b c
        /a\tb
        /a%zz
        /a%4
        /a%
        /a%u0031
        /x?a=%zz&b=1
        /x?a=%
        /x?a=%u0031
        /x?amount%00=1
        /%c0%ae%c0%ae/
        /%ff
        /x?a=%ff
        /a\"b
        /a<b>
        /é
        /x?é
        *
        a/b
        ",
    ) {
        if let Ok(accepted) = spelled(raw.replace("\\t", "\t").as_bytes()) {
            panic!("accepted: {raw} as {accepted}");
        }
    }
    for raw in [b"/a\0b".as_slice(), b"/a\x7fb", b"/\xff", b"/a\rPOST /b HTTP/1.1", b"/a?\nb", b""] {
        assert!(spelled(raw).is_err(), "{}", raw.escape_ascii());
    }
}

#[test]
fn paths_are_bounded() {
    assert!(spelled(&[b"/".as_slice(), &vec![b'a'; 8191]].concat()).is_ok());
    assert_eq!(spelled(&[b"/".as_slice(), &vec![b'a'; 8192]].concat()).unwrap_err().status, 414);
    assert!(spelled("/a".repeat(256).as_bytes()).is_ok());
    assert_eq!(spelled("/a".repeat(257).as_bytes()).unwrap_err().status, 414);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    /// What servers do to a path (decode once more, fold dots, merge slashes) finds nothing left to do.
    #[test]
    fn an_accepted_path_means_one_thing(raw in "/([a./;\\\\?#%]|%2[eEfF5]|%5[cC]|%3[bBfF]|%0[0aAdD]){0,10}") {
        if let Ok(target) = read(raw.as_bytes()) {
            prop_assert_eq!(spelled(target.path.as_bytes()), Ok(target.path.clone()));
            let once = percent_encoding::percent_decode_str(&target.path).decode_utf8().unwrap().into_owned();
            let parts: Vec<&str> = once.split(['/', '\\']).collect();
            prop_assert!(!parts.iter().any(|part| matches!(*part, "." | "..")), "{}", once);
            prop_assert!(!once.contains([';', '?', '#', '\0', '\n', '\r']), "{}", once);
            let twice = percent_encoding::percent_decode_str(&once).collect::<Vec<u8>>();
            prop_assert_eq!(twice, once.into_bytes());
        }
    }
}
