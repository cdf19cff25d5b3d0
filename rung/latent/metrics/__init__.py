"""What is measured about latent codes, about imagined pictures and about images."""
