"""Files of the kinds that can go with a prompt, made as a test needs them."""

from __future__ import annotations

import io
import random

from PIL import Image


def image(kind: str = "PNG", size: tuple[int, int] = (40, 30), *, noisy: bool = False) -> bytes:
    """Return an image; a noisy one cannot be compressed."""
    if noisy:
        made = Image.frombytes("RGB", size, random.Random(7).randbytes(3 * size[0] * size[1]))
    else:
        made = Image.new("RGB", size, (200, 60, 30))
        made.paste((30, 90, 200), (0, 0, size[0] // 2, size[1] // 2))
    kept = io.BytesIO()
    made.save(kept, kind)
    return kept.getvalue()


def pdf(*pages: str) -> bytes:
    """Return a PDF file with a line of text on each page; an empty text makes an empty page."""
    count = len(pages)
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{' '.join(f'{4 + 2 * n} 0 R' for n in range(count))}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET" if text else ""
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>",
            f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        ]
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(data)
    data += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
    data += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    data += f"trailer << /Size {len(places) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return data


def locked_pdf(password: str, algorithm: str = "RC4-128") -> bytes:
    """Return a PDF file that opens with a password."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("secret"))))
    writer.encrypt(password, algorithm=algorithm)
    kept = io.BytesIO()
    writer.write(kept)
    return kept.getvalue()
