"""The forms of verbs: a reason, or a signature. They check form only; whether something may be done the service says.

Never echoes a password back.
"""

from django import forms

AREA = {"rows": 4}


class ReasonForm(forms.Form):
    """What every change takes: why."""

    reason = forms.CharField(
        label="Reason",
        max_length=4000,
        widget=forms.Textarea(attrs=AREA),
        help_text="Goes into the trail with your name's number and the time; write it for whoever asks in a year.",
    )


class SigningForm(forms.Form):
    """What a signature states (21 CFR 11.50, 11.200): its meaning, a comment, and that it is really you."""

    meaning = forms.CharField(
        label="Meaning of your signature",
        max_length=300,
        widget=forms.TextInput(attrs={"size": 90}),
        help_text="Printed beside your name, here and in the dossier.",
    )
    comment = forms.CharField(
        label="Comment",
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs=AREA),
        help_text="What you looked at, and what you would tell whoever asks in a year.",
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "size": 30}),
        help_text="A signature needs it each time.",
    )
