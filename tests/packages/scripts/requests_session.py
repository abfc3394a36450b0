"""requests: a session, JSON, redirects, streaming, time-outs; http.server answers."""

import sys

import requests
from http_answers import serve


def call(host: str, port: int) -> None:
    url = f"http://{host}:{port}"
    with requests.Session() as session:
        print(session.get(f"{url}/a").text, session.get(f"{url}/b", params={"q": "1"}).text)
        print(session.post(url, json={"k": [1, 2]}).json())
        moved = session.get(f"{url}/old")
        print(moved.text, [old.status_code for old in moved.history])
        with session.get(f"{url}/big", stream=True) as answer:
            print(sum(map(len, answer.iter_content(8192))))
        try:
            session.get(f"{url}/slow", timeout=0.5)
        except requests.ReadTimeout as error:
            print(type(error).__name__)
    try:
        requests.get(f"http://{host}:{port + 1}/", timeout=1)
    except requests.ConnectionError as error:
        print(type(error).__name__)


if __name__ == "__main__":
    role, host, port = sys.argv[1:]
    serve(int(port)) if role == "server" else call(host, int(port))
