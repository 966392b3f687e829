//! Where keys come from.

use super::*;

#[tokio::test]
async fn an_unknown_kid_makes_the_source_look_and_the_new_key_counts_at_once() {
    for later in [false, true] {
        let (old, new) = (ed25519(), ed25519());
        let source = Rotating { later, ..Rotating::new(&old) };
        *source.next.write().unwrap() = Some(set(&new));
        let layer = layer(issuer(source.clone()));
        let outcome = bear(&layer, &new.sign_jwt("JWT", &claims()).unwrap()).await;
        assert_eq!((outcome.status, source.refreshed.load(Ordering::SeqCst)), (StatusCode::OK, 1));
        assert!(outcome.seen.unwrap().headers.get(AUTHORIZATION).is_none());
        let unknown = bear(&layer, &ed25519().sign_jwt("JWT", &claims()).unwrap()).await;
        unverified(&unknown, "unknown kid");
        assert_eq!(source.refreshed.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn nothing_but_an_unknown_key_makes_the_source_look() {
    let signer = ed25519();
    let source = Rotating::new(&signer);
    let layer = layer(issuer(source.clone()));
    let forged = ed25519().with_kid(signer.kid()).sign_jwt("JWT", &claims()).unwrap();
    for credential in [&forged, &forged[1..], "x", &signer.sign_jwt("JWT", &claims_without("exp")).unwrap()] {
        unverified(&bear(&layer, credential).await, credential);
    }
    assert_eq!(source.refreshed.load(Ordering::SeqCst), 0);
}

struct Directory(std::path::PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portcullis-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.join("jwks.json")
    }

    fn write(&self, content: &str) {
        std::fs::write(self.file(), content).unwrap();
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_key_file_is_read_again_when_it_changed_and_its_cool_down_is_over() {
    let (old, new, clock, directory) = (ed25519(), ed25519(), clock(), Directory::new("changed"));
    directory.write(&old.public_jwks());
    let file = JwksFile::open_with_clock(directory.file(), clock.shared()).unwrap();
    let layer = builder(&clock).issuer(issuer(file.cool_down(seconds(30)))).build().unwrap();
    let (by_old, by_new) = (old.sign_jwt("JWT", &claims()).unwrap(), new.sign_jwt("JWT", &claims()).unwrap());
    assert_eq!(bear(&layer, &by_old).await.status, StatusCode::OK);
    directory.write(&format!("{} ", new.public_jwks()));
    assert_eq!(bear(&layer, &by_new).await.status, StatusCode::UNAUTHORIZED);
    clock.advance(seconds(30));
    assert_eq!(bear(&layer, &by_old).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(bear(&layer, &by_new).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bad_key_file_leaves_the_old_keys_in_place() {
    let (signer, clock, directory) = (ed25519(), clock(), Directory::new("bad"));
    directory.write(&signer.public_jwks());
    let file = Arc::new(JwksFile::open_with_clock(directory.file(), clock.shared()).unwrap());
    let layer = builder(&clock).issuer(issuer(file.clone())).build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    directory.write("{\"keys\":");
    clock.advance(seconds(31));
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    assert!(matches!(file.reload().unwrap_err().kind, JwtErrorKind::KeyFile { .. }));
    std::fs::remove_file(directory.file()).unwrap();
    clock.advance(seconds(31));
    assert_eq!(bear(&layer, &credential).await.status, StatusCode::OK);
    directory.write("{\"keys\":[]}");
    file.reload().unwrap();
    unverified(&bear(&layer, &credential).await, "the issuer withdrew every key");
}

#[test]
fn a_key_file_without_a_usable_key_does_not_open() {
    let directory = Directory::new("empty");
    for content in ["", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#] {
        directory.write(content);
        assert!(
            matches!(JwksFile::open(directory.file()).unwrap_err().kind, JwtErrorKind::KeyFile { .. }),
            "{content}"
        );
    }
}
