"""Whose signatures of images count, as the SDK has it; what changes it takes an owner's token."""

from urllib.parse import quote

from registry.client.door import V1, Door
from registry.core.imaging.signatures import NewTrustedKey, PolicyChange, SignaturePolicy, SigningKeys, TrustedKey


class TrustedKeys:
    def __init__(self, door: Door) -> None:
        self._door = door

    def get(self) -> SigningKeys:
        """Return the policy and every trusted key, from old to new."""
        return self._door.ask("GET", "/signing-keys", SigningKeys)

    def add(self, name: str, public_key: str) -> TrustedKey:
        """Trust another's public key, in base64 or PEM."""
        return self._door.ask("POST", "/signing-keys", TrustedKey, NewTrustedKey(name=name, public_key=public_key))

    def remove(self, key_id: str) -> None:
        """Trust a key no more."""
        self._door.send("DELETE", f"{V1}/signing-keys/{quote(key_id, safe='')}")

    def rotate(self) -> TrustedKey:
        """Make a new key to sign with; the one before stays trusted."""
        return self._door.ask("POST", "/signing-keys/rotate", TrustedKey)

    def set_policy(self, policy: SignaturePolicy) -> SigningKeys:
        """Choose what happens to replicas of images without a good signature."""
        return self._door.ask("PUT", "/signature-policy", SigningKeys, PolicyChange(policy=policy))
