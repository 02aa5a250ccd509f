//! Upgrades: only on routes that pass and allow them.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{House, house_of};

const ASK: &str = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n";

/// Switches protocols whatever it is asked, and then says back what it hears.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                let switched = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n";
                let _ = stream.write_all(switched).await;
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

async fn house(upstream: SocketAddr) -> House {
    let routes = "    routes:\n      - { match: GET /ws, pass: true, upgrade: allow }\n      - { match: GET /plain, pass: true }\n      - { action: free_it, match: GET /free, risk_tier: low }\n";
    house_of(&format!("  api:\n    url: http://{upstream}\n    at: /api\n{routes}"), "").await
}

#[tokio::test]
async fn an_allowed_upgrade_is_a_tunnel_both_ways() {
    let house = house(echo().await).await;
    let mut client = house.client().await;
    let answer = client.request(house.ask("GET", "/api/ws", ASK, "")).await;
    assert_eq!((answer.status, answer.header("upgrade")), (101, Some("websocket")));
    assert!(answer.header("holdshort-request").is_some());
    for said in ["one", "two, and \u{0} bytes"] {
        client.send(said).await;
        client.until(said).await;
    }
}

#[tokio::test]
async fn an_upgrade_is_refused_everywhere_else() {
    let house = house(echo().await).await;
    for path in ["/api/plain", "/api/free", "/api/none"] {
        let answer = house.call("GET", path, ASK, "").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "NO_ROUTE"), "{path}");
    }
    // Switching without being asked is no answer, whether the call passes or has an intent.
    for path in ["/api/ws", "/api/plain", "/api/free"] {
        let answer = house.call("GET", path, "", "").await;
        assert!(matches!(answer.status, 502 | 504), "{path}: {}", answer.status);
        assert_eq!(answer.header("upgrade"), None);
    }
}
