//! Over a real socket.

use std::time::Duration;

use gate::Role;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::world::world;

#[tokio::test]
async fn an_open_stream_does_not_keep_the_server_from_stopping() {
    let w = world().await;
    let (_, vera) = w.person("vera@example.com", Role::Viewer).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let told = async move { drop(stopped.await) };
    let server = tokio::spawn(holdshort_admin::serve(listener, w.router(), None, told));

    let ask = async |head: String| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    // The reason phrase repeats the title: it is all that many clients show.
    let mut stream = ask("GET /api/intents HTTP/1.1\r\nHost: 127.0.0.1:8081\r\nConnection: close\r\n\r\n".into()).await;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 401 Not signed in\r\n"), "{text}");

    let head = format!("GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:8081\r\nAuthorization: Bearer {vera}\r\n\r\n");
    let mut live = ask(head).await;
    let mut first = [0; 64];
    assert!(live.read(&mut first).await.unwrap() > 0);
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(20), server).await.expect("it has stopped").unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody is let in any more");
}
