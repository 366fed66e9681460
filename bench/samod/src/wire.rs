//! A loopback TCP connection between two repositories, with the bytes counted that go through its socket.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use samod::{DialError, Dialer, Repo, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

static WIRE: AtomicU64 = AtomicU64::new(0);

/// Bytes both sides have written since the last call, TCP's own not counted.
pub(crate) fn bytes() -> f64 {
    WIRE.swap(0, Relaxed) as f64
}

/// Waits until no byte has moved for `quiet`, and answers how many milliseconds went by before that. The protocol has no
/// message that says "that was all".
pub(crate) async fn settled(quiet: Duration) -> f64 {
    let started = Instant::now();
    let (mut last, mut at) = (WIRE.load(Relaxed), Instant::now());
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = WIRE.load(Relaxed);
        if now != last {
            (last, at) = (now, Instant::now());
        }
        if at.elapsed() >= quiet {
            return at.duration_since(started).as_secs_f64() * 1000.0;
        }
    }
}

struct Counted(TcpStream);

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, bytes)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.0).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = written {
            WIRE.fetch_add(count as u64, Relaxed);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Dials this port.
pub(crate) struct Port(pub(crate) u16);

impl Dialer for Port {
    type Error = Infallible;

    fn url(&self) -> url::Url {
        address(self.0)
    }

    fn connect(&self) -> BoxFuture<'static, Result<Transport, DialError<Infallible>>> {
        let port = self.0;
        async move {
            let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(DialError::transient)?;
            stream.set_nodelay(true).map_err(DialError::transient)?;
            Ok(Transport::from_tokio_io(Counted(stream)))
        }
        .boxed()
    }
}

fn address(port: u16) -> url::Url {
    format!("tcp://127.0.0.1:{port}").parse().expect("a port makes an address")
}

/// Lets others dial `repo`.
pub(crate) async fn listen(repo: &Repo) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback socket can be bound");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let acceptor = repo.make_acceptor(address(port)).expect("a repository that runs accepts");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            if acceptor.accept(Transport::from_tokio_io(Counted(stream))).is_err() {
                return;
            }
        }
    });
    port
}
