"""`storage_options`: the spellings of fsspec and pandas, read into one frozen value per store.

What a user passed is kept apart from what the environment adds (see
`credentials`), because only the former may travel in a pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from nearline.errors import InvalidOption
from nearline.storage.options.given import WITHOUT_EFFECT, Given

__all__ = ["AzureOptions", "GcsOptions", "HttpOptions", "S3Options"]


def _first(*values: str | None) -> str | None:
    """Return the first value that is given; all were read, so that none counts as unknown."""
    return next((value for value in values if value is not None), None)


def _verify(value: Any, subject: str) -> bool | str:
    if value is None:
        return True
    if isinstance(value, (bool, str)):
        return value
    raise InvalidOption(f"verify of {subject} must be True, False or the path of a CA bundle.")


def _addressing_style(name: str) -> Literal["auto", "path", "virtual"]:
    if name not in ("auto", "path", "virtual"):
        raise InvalidOption(
            f"addressing_style={name!r} is not known: use 'auto', 'path' or 'virtual'."
        )
    return cast(Literal["auto", "path", "virtual"], name)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """Options of ``s3://`` URLs, as s3fs, boto3 and pandas spell them.

    Attributes
    ----------
    anon : bool
        Read unsigned whatever credentials there are.
    key, secret, token : str or None
        Access key, secret key, session token.
    profile : str or None
        Section of ``~/.aws/credentials`` and ``~/.aws/config``.
    endpoint_url, region : str or None
    verify : bool or str
        Check TLS certificates; a string names a CA bundle.
    use_ssl : bool
        False: plain http where no endpoint says otherwise.
    requester_pays : bool
    version_id : str or None
        Read this version and no other.
    addressing_style : {"auto", "path", "virtual"}
    """

    anon: bool = False
    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    profile: str | None = None
    endpoint_url: str | None = None
    region: str | None = None
    verify: bool | str = True
    use_ssl: bool = True
    requester_pays: bool = False
    version_id: str | None = None
    addressing_style: Literal["auto", "path", "virtual"] = "auto"

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> S3Options:
        """Read `storage_options`.

        Raises
        ------
        InvalidOption
            An unknown name, a value of the wrong type, or half a key pair.
        """
        options = Given(given, "s3:// URLs")
        client = options.nested("client_kwargs")
        config = options.nested("config_kwargs")
        s3 = config.nested("s3")
        style = _addressing_style(s3.text("addressing_style") or "auto")
        config.ignore(("connect_timeout", "read_timeout", "retries", "max_pool_connections"))
        unsigned = type(config.take("signature_version")).__module__ == "botocore"
        client_ssl = client.take("use_ssl")
        use_ssl = options.flag("use_ssl", default=True)
        anon = options.flag("anon")
        parsed = cls(
            anon=anon or unsigned,
            key=_first(
                options.text("key", "username", "aws_access_key_id"),
                client.text("aws_access_key_id"),
            ),
            secret=_first(
                options.text("secret", "password", "aws_secret_access_key"),
                client.text("aws_secret_access_key"),
            ),
            token=_first(
                options.text("token", "aws_session_token"), client.text("aws_session_token")
            ),
            profile=options.text("profile"),
            endpoint_url=_first(options.text("endpoint_url"), client.text("endpoint_url")),
            region=_first(
                options.text("region", "region_name"),
                client.text("region_name"),
                config.text("region_name"),
            ),
            verify=_verify(client.take("verify"), "s3:// URLs"),
            use_ssl=use_ssl if client_ssl is None else bool(client_ssl),
            requester_pays=options.flag("requester_pays"),
            version_id=options.text("version_id"),
            addressing_style=style,
        )
        options.ignore(WITHOUT_EFFECT)
        for one in (s3, config, client, options):
            one.finish()
        if bool(parsed.key) != bool(parsed.secret):
            lacking = "secret" if parsed.key else "key"
            raise InvalidOption(
                f"storage_options of s3:// URLs lack {lacking!r}: key and secret belong together."
            )
        return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsOptions:
    """Options of ``gs://`` URLs, as gcsfs and pandas spell them.

    Attributes
    ----------
    anon : bool
        Read unsigned (``token="anon"`` or ``anon=True``).
    token : str, dict, object or None
        Path of a key file, its contents, a google-auth credentials object,
        "google_default", "cloud" (metadata service), or None to look around.
    project : str or None
        Billed when `requester_pays`.
    endpoint_url : str or None
    requester_pays : bool
    generation : str or None
        Read this generation and no other.
    verify : bool or str
    """

    anon: bool = False
    token: Any = field(default=None, repr=False)
    project: str | None = None
    endpoint_url: str | None = None
    requester_pays: bool = False
    generation: str | None = None
    verify: bool | str = True

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> GcsOptions:
        """Read `storage_options`.

        Raises
        ------
        InvalidOption
            An unknown name or an impossible value.
        """
        options = Given(given, "gs:// URLs")
        token = options.take("token")
        if token in ("browser", "cache"):
            raise InvalidOption(
                f"token={token!r} is gcsfs's own log-in. Run 'gcloud auth application-default "
                "login' and leave token out, or pass the path of a key file."
            )
        anonymous = options.flag("anon")
        payer = options.take("requester_pays")
        generation = options.take("generation")
        project = options.text("project")
        parsed = cls(
            anon=anonymous or token == "anon",  # noqa: S105 - a mode
            token=None if token == "anon" else token,  # noqa: S105
            project=payer if isinstance(payer, str) else project,
            endpoint_url=options.text("endpoint_url"),
            requester_pays=bool(payer),
            generation=None if generation is None else str(generation),
            verify=_verify(options.take("verify"), "gs:// URLs"),
        )
        options.ignore({*WITHOUT_EFFECT, "access", "check_connection", "timeout"})
        options.finish()
        if parsed.requester_pays and not parsed.project:
            raise InvalidOption("requester_pays of gs:// URLs needs 'project', which is billed.")
        return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureOptions:
    """Options of ``az://`` and ``abfs://`` URLs, as adlfs and pandas spell them.

    Attributes
    ----------
    account_name : str or None
    account_key, sas_token, connection_string, client_secret : str or None
    tenant_id, client_id : str or None
    credential : object or None
        An azure-identity credential (has `get_token`).
    account_host : str or None
        Host of the blob service where it is not ``<account>.blob.core.windows.net``.
    anon : bool or None
        None: unsigned when nothing is found.
    verify : bool or str
    """

    account_name: str | None = None
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)
    connection_string: str | None = field(default=None, repr=False)
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    credential: Any = field(default=None, repr=False)
    account_host: str | None = None
    anon: bool | None = None
    verify: bool | str = True

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> AzureOptions:
        """Read `storage_options`.

        Raises
        ------
        InvalidOption
            An unknown name or an impossible value.
        """
        options = Given(given, "az:// URLs")
        credential = options.take("credential")
        sas = options.text("sas_token")
        key = options.text("account_key")
        if isinstance(credential, str):
            # As in azure-storage-blob: a string is a SAS token or an account key.
            if "sig=" in credential:
                sas = sas or credential
            else:
                key = key or credential
            credential = None
        elif credential is not None and not hasattr(credential, "get_token"):
            raise InvalidOption(
                "credential of az:// URLs must be a SAS token, an account key or an "
                "azure-identity credential."
            )
        anon = options.take("anon")
        parsed = cls(
            account_name=options.text("account_name"),
            account_key=key,
            sas_token=sas,
            connection_string=options.text("connection_string"),
            tenant_id=options.text("tenant_id"),
            client_id=options.text("client_id"),
            client_secret=options.text("client_secret"),
            credential=credential,
            account_host=options.text("account_host"),
            anon=None if anon is None else bool(anon),
            verify=_verify(options.take("verify"), "az:// URLs"),
        )
        options.ignore({*WITHOUT_EFFECT, "assume_container_exists", "location_mode"})
        options.finish()
        return parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """Options of ``http(s)://`` URLs, as fsspec and pandas spell them.

    Attributes
    ----------
    headers : tuple of (str, str)
        Sent with every request to the URL's own host.
    user, password : str or None
        For HTTP Basic authentication.
    verify : bool or str
    """

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    verify: bool | str = True

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> HttpOptions:
        """Read `storage_options`.

        pandas passes these on as header fields, so a name that begins with a
        capital letter (``User-Agent``) counts as one.

        Raises
        ------
        InvalidOption
            An unknown name or an impossible value.
        """
        fields = {name: value for name, value in given.items() if name[:1].isupper()}
        options = Given(
            {name: value for name, value in given.items() if name not in fields},
            "http:// and https:// URLs",
        )
        client = options.nested("client_kwargs")
        headers: dict[str, str] = {}
        for where in (client.take("headers"), options.take("headers"), fields):
            for name, value in dict(where or {}).items():
                if not isinstance(value, str):
                    raise InvalidOption(f"The header {name} must be a string.")
                headers[name] = value
        login, client_login = options.take("auth"), client.take("auth")
        auth = client_login if login is None else login
        user = options.text("user", "username")
        password = options.text("password")
        if auth is not None:
            user, password = _login(auth)
        # aiohttp, under fsspec, has the certificate check in `ssl`.
        verify, client_verify = options.take("verify", "ssl"), client.take("verify", "ssl")
        verify = client_verify if verify is None else verify
        parsed = cls(
            headers=tuple(sorted(headers.items())),
            user=user,
            password=password,
            verify=_verify(verify, "http:// URLs"),
        )
        client.ignore(("trust_env", "timeout"))
        options.ignore({*WITHOUT_EFFECT, "encoded", "simple_links", "same_scheme"})
        client.finish()
        options.finish()
        return parsed


def _login(auth: Any) -> tuple[str, str]:
    login, password = getattr(auth, "login", None), getattr(auth, "password", None)
    if isinstance(auth, (tuple, list)) and len(auth) == 2:
        login, password = auth
    if not isinstance(login, str) or not isinstance(password, str):
        raise InvalidOption("auth must be (user, password) or aiohttp.BasicAuth.")
    return login, password
