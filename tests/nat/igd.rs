//! A home's router that speaks UPnP alone: it answers whoever looks for a gateway (SSDP), describes itself over HTTP,
//! and what it grants is so, with rules of nftables(8).

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::gateway::{Asked, door, index_of};
use crate::inside::inside;
use crate::internet::Router;
use crate::namespace::Namespace;

const EVERYBODY: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
/// How long whoever listens waits before it asks whether it is over.
pub(crate) const TICK: Duration = Duration::from_millis(50);
const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";

/// A router that speaks UPnP.
pub(crate) struct Igd {
    asked: Arc<Mutex<Vec<Asked>>>,
    _announced: Announced,
    _served: Running,
}

/// Whoever answers those who look for a gateway.
pub(crate) struct Announced {
    /// How often somebody looked.
    searched: Arc<Mutex<u32>>,
    _running: Running,
}

/// A thread that ends with this.
pub(crate) struct Running {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Igd {
    pub(crate) fn on(router: &Router) -> Self {
        router.obeys("insert rule inet wall forward ct status dnat accept");
        let inner = router.inner().unwrap();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let heard = Arc::clone(&asked);
        let served = Running::new(
            router.namespace(),
            move || {
                let listener = TcpListener::bind((inner, 5_000)).unwrap();
                let _ = set_socket_timeout(&listener, Timeout::Recv, Some(TICK));
                listener
            },
            move |listener| {
                if let Ok((stream, _)) = listener.accept() {
                    serve(stream, |request| answer(request, &heard));
                }
            },
        );
        let location = format!("http://{inner}:5000/rootDesc.xml");
        Self {
            asked,
            _announced: Announced::on(router.namespace(), inner, &location),
            _served: served,
        }
    }

    /// Everything it was asked for so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Announced {
    /// Somebody in a network, at this address of it, says that a gateway is described there.
    pub(crate) fn on(namespace: &Namespace, ip: Ipv4Addr, location: &str) -> Self {
        Self::to(namespace, location, move || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 1_900)).unwrap();
            socket.join_multicast_v4(&EVERYBODY, &ip).unwrap();
            socket
        })
    }

    /// The same for who looks in IPv6, on this interface.
    pub(crate) fn to_ipv6(namespace: &Namespace, on: &'static str, location: &str) -> Self {
        Self::to(namespace, location, move || {
            let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 1_900)).unwrap();
            let everybody = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xc);
            let joined = socket.join_multicast_v6(&everybody, index_of(on));
            joined.unwrap();
            socket
        })
    }

    fn to(
        namespace: &Namespace,
        location: &str,
        listens: impl FnOnce() -> UdpSocket + Send + 'static,
    ) -> Self {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\n\
             ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: {location}\r\n\r\n"
        );
        let searched = Arc::<Mutex<u32>>::default();
        let count = Arc::clone(&searched);
        let running = Running::new(
            namespace,
            move || {
                let socket = listens();
                socket.set_read_timeout(Some(TICK)).unwrap();
                socket
            },
            move |socket| {
                let mut bytes = [0; 1_500];
                if let Ok((size, from)) = socket.recv_from(&mut bytes)
                    && bytes[..size].starts_with(b"M-SEARCH * HTTP/1.1\r\n")
                {
                    *count.lock().unwrap() += 1;
                    socket.send_to(answer.as_bytes(), from).unwrap();
                }
            },
        );
        Self {
            searched,
            _running: running,
        }
    }

    pub(crate) fn searched(&self) -> u32 {
        *self.searched.lock().unwrap()
    }
}

impl Running {
    /// Has something done in a namespace, again and again.
    pub(crate) fn new<T: AsFd>(
        namespace: &Namespace,
        begin: impl FnOnce() -> T + Send + 'static,
        again: impl Fn(&T) + Send + 'static,
    ) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let until = Arc::clone(&is_over);
        let (began, has_begun) = std::sync::mpsc::channel();
        let thread = inside(namespace, move || {
            let socket = begin();
            began.send(()).unwrap();
            while !until.load(Ordering::SeqCst) {
                again(&socket);
            }
        });
        has_begun.recv().unwrap();
        Self {
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request, and leaves it to the other end to close.
pub(crate) fn serve(mut stream: TcpStream, answer: impl Fn(&str) -> (&'static str, String)) {
    set_socket_timeout(&stream, Timeout::Recv, Some(20 * TICK)).unwrap();
    let mut request = String::new();
    let mut piece = [0; 4_096];
    while !is_whole(&request) {
        match stream.read(&mut piece) {
            Ok(0) => return,
            Ok(size) => request.push_str(std::str::from_utf8(&piece[..size]).unwrap()),
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
    let (status, body) = answer(&request);
    let length = body.len();
    let response = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
    // Who asked may be gone.
    let _ = stream.write_all(response.as_bytes());
    let _ = stream.read(&mut piece);
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|it| it.strip_prefix("Content-Length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// What a request says in this place.
pub(crate) fn value(request: &str, tag: &str) -> String {
    let (_, rest) = request.split_once(&format!("<{tag}>")).unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

fn answer(request: &str, heard: &Mutex<Vec<Asked>>) -> (&'static str, String) {
    if request.starts_with("GET /rootDesc.xml ") {
        return (
            "200 OK",
            format!(
                "<?xml version=\"1.0\"?><root><device><deviceList><device><serviceList><service>\
                 <serviceType>{SERVICE}</serviceType><controlURL>/ctl</controlURL>\
                 </service></serviceList></device></deviceList></device></root>"
            ),
        );
    }
    let value = |tag| value(request, tag);
    assert!(request.starts_with("POST /ctl "), "{request}");
    let outside = value("NewExternalPort").parse().unwrap();
    let mut heard = heard.lock().unwrap();
    if request.contains(&format!("\"{SERVICE}#DeletePortMapping\"")) {
        heard.push((outside, 0));
        door(outside, (Ipv4Addr::UNSPECIFIED, 0), 0);
        return ("200 OK", "<ok/>".to_owned());
    }
    assert!(request.contains(&format!("\"{SERVICE}#AddPortMapping\"")));
    let is_first = heard.is_empty();
    let seconds = value("NewLeaseDuration").parse().unwrap();
    heard.push((outside, seconds));
    if is_first {
        // Somebody else has that port.
        let fault = "<errorCode>718</errorCode>".to_owned();
        return ("500 Internal Server Error", fault);
    }
    let to = value("NewInternalClient").parse().unwrap();
    door(
        outside,
        (to, value("NewInternalPort").parse().unwrap()),
        seconds,
    );
    ("200 OK", "<ok/>".to_owned())
}
