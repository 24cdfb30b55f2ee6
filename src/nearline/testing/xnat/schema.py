"""The data types that a simulated XNAT declares: as much of a schema as xnatpy needs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ELEMENTS", "SCHEMAS", "ancestors"]


@dataclass(frozen=True, slots=True)
class _Type:
    base: str | None = None
    attributes: tuple[str, ...] = ()
    children: tuple[tuple[str, str], ...] = ()
    lists: tuple[tuple[str, str, str], ...] = ()
    shown: str | None = None
    abstract: bool = False


_RESOURCES = ("resources", "resource", "abstractResource")

_TYPES: dict[str, _Type] = {
    "investigatorData": _Type(None, ("ID", "firstname", "lastname")),
    "abstractResource": _Type(None, ("label", "file_count", "file_size"), abstract=True),
    "resource": _Type("abstractResource", ("URI", "format", "content")),
    "resourceCatalog": _Type("resource"),
    "demographicData": _Type(None, ("age", "gender")),
    "projectData": _Type(
        None,
        ("ID", "secondary_ID"),
        (("name", "xs:string"), ("description", "xs:string")),
        (_RESOURCES,),
        shown="ID",
    ),
    "subjectData": _Type(
        None,
        ("ID", "project", "label"),
        (),
        (("experiments", "experiment", "subjectAssessorData"), _RESOURCES),
        shown="label",
    ),
    "experimentData": _Type(
        None,
        ("ID", "project", "label"),
        (("date", "xs:date"), ("note", "xs:string")),
        (_RESOURCES,),
        shown="label",
        abstract=True,
    ),
    "subjectAssessorData": _Type(
        "experimentData", (), (("subject_ID", "xs:string"),), abstract=True
    ),
    "imageSessionData": _Type(
        "subjectAssessorData",
        (),
        (("scanner", "xs:string"),),
        (("scans", "scan", "imageScanData"), ("assessors", "assessor", "imageAssessorData")),
        abstract=True,
    ),
    "mrSessionData": _Type("imageSessionData", (), (("fieldStrength", "xs:string"),)),
    "petSessionData": _Type("imageSessionData", (), (("tracer", "xs:string"),)),
    "ctSessionData": _Type("imageSessionData"),
    "derivedData": _Type("experimentData", (), (("imageSession_ID", "xs:string"),), abstract=True),
    "imageAssessorData": _Type("derivedData", abstract=True),
    "qcManualAssessorData": _Type("imageAssessorData"),
    "imageScanData": _Type(None, ("ID", "type"), (("quality", "xs:string"),), abstract=True),
    "mrScanData": _Type("imageScanData"),
}

_SECURED = (
    "projectData",
    "subjectData",
    "mrSessionData",
    "petSessionData",
    "ctSessionData",
    "qcManualAssessorData",
)

ELEMENTS = (*(f"xnat:{name}" for name in _SECURED), "fs:fsData")
"""What can be searched."""

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<xs:schema targetNamespace="http://nrg.wustl.edu/xnat" \
xmlns:xnat="http://nrg.wustl.edu/xnat" xmlns:xdat="http://nrg.wustl.edu/xdat" \
xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">
"""


def ancestors(xsi_type: str) -> list[str]:
    """Return a data type and those that it extends, the most general last."""
    chain = [xsi_type]
    found = _TYPES.get(xsi_type.removeprefix("xnat:"))
    if xsi_type == "fs:fsData":
        found = _Type("imageAssessorData")
    while found is not None and found.base is not None:
        chain.append(f"xnat:{found.base}")
        found = _TYPES[found.base]
    return chain


def _declare(name: str, kind: _Type) -> str:
    shown = f' displayIdentifiers="{kind.shown}"' if kind.shown else ""
    hidden = ' abstract="true"' if kind.abstract else ""
    children = "".join(
        f'<xs:element name="{child}" type="{of}" minOccurs="0"/>' for child, of in kind.children
    )
    children += "".join(
        f'<xs:element name="{many}" minOccurs="0"><xs:complexType><xs:sequence>'
        f'<xs:element name="{one}" type="xnat:{of}" minOccurs="0" maxOccurs="unbounded"/>'
        "</xs:sequence></xs:complexType></xs:element>"
        for many, one, of in kind.lists
    )
    body = f"<xs:sequence>{children}</xs:sequence>" if children else ""
    body += "".join(f'<xs:attribute name="{a}" type="xs:string"/>' for a in kind.attributes)
    if kind.base:
        body = (
            f'<xs:complexContent><xs:extension base="xnat:{kind.base}">{body}'
            "</xs:extension></xs:complexContent>"
        )
    top = name[0].upper() + name.removesuffix("Data")[1:]
    return (
        f'<xs:element name="{top}" type="xnat:{name}"/>\n'
        f'<xs:complexType name="{name}"><xs:annotation><xs:appinfo>'
        f"<xdat:element{shown}{hidden}/></xs:appinfo></xs:annotation>{body}</xs:complexType>\n"
    )


_FS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<xs:schema targetNamespace="http://nrg.wustl.edu/fs" '
    'xmlns:fs="http://nrg.wustl.edu/fs" xmlns:xnat="http://nrg.wustl.edu/xnat" '
    'xmlns:xs="http://www.w3.org/2001/XMLSchema">\n'
    '<xs:element name="Freesurfer" type="fs:fsData"/>\n<xs:complexType name="fsData">'
    '<xs:complexContent><xs:extension base="xnat:imageAssessorData"><xs:sequence>'
    '<xs:element name="fs_version" type="xs:string" minOccurs="0"/></xs:sequence>'
    "</xs:extension></xs:complexContent></xs:complexType>\n</xs:schema>\n"
)

_XDAT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<xs:schema targetNamespace="http://nrg.wustl.edu/xdat" '
    'xmlns:xdat="http://nrg.wustl.edu/xdat" xmlns:xs="http://www.w3.org/2001/XMLSchema">\n'
    "</xs:schema>\n"
)

SCHEMAS = {
    "xdat": _XDAT,
    "xnat": _HEAD + "".join(_declare(name, kind) for name, kind in _TYPES.items()) + "</xs:schema>",
    "fs": _FS,
}
"""The schemas by name."""
