"""How large an effect can be where the data do not say it: bounds with intervals."""
