"""Values to integer codes and back."""
