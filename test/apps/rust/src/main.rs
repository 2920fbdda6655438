//! Answers each request with a page that it reads when it starts.
use std::io::{Read, Write};
use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    let page = std::fs::read_to_string("templates/hello.html")?;
    let port = std::env::var("PORT").unwrap_or("8080".into());
    for stream in TcpListener::bind(format!("0.0.0.0:{port}"))?.incoming() {
        let mut stream = stream?;
        let mut text = [0; 4096];
        let _ = stream.read(&mut text)?;
        let length = itoa::Buffer::new().format(page.len()).to_string();
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
        );
    }
    Ok(())
}
