use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::*;

struct Sick;

impl Health for Sick {
    fn not_ready(&self) -> Option<String> {
        Some("nothing was read".to_owned())
    }

    fn metrics(&self) -> Result<String, std::fmt::Error> {
        Ok("hotdesk_test 1\n".to_owned())
    }
}

fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_says_how_it_is() {
    let listener = bind("127.0.0.1:0".parse().unwrap(), "--health-listen").unwrap();
    let address = listener.local_addr().unwrap();
    let taken = bind(address, "--health-listen").unwrap_err().to_string();
    assert!(taken.starts_with("--health-listen 127.0.0.1:"), "{taken}");
    let server = serve(Arc::new(Sick), listener).unwrap();
    let handle = server.handle();
    let running = tokio::spawn(server);
    let answers =
        tokio::task::spawn_blocking(move || ["/livez", "/readyz", "/metrics", "/"].map(|path| ask(address, path)));
    let [livez, readyz, metrics, other] = answers.await.unwrap();
    assert!(livez.starts_with("HTTP/1.1 200"), "{livez}");
    assert!(readyz.starts_with("HTTP/1.1 503") && readyz.ends_with("not ready: nothing was read\n"), "{readyz}");
    assert!(metrics.contains("openmetrics") && metrics.ends_with("hotdesk_test 1\n"), "{metrics}");
    assert!(other.starts_with("HTTP/1.1 404"), "{other}");
    handle.stop(false).await;
    running.await.unwrap().unwrap();
}
