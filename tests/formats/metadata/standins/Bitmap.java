package android.graphics;

/** Stands in for Android's picture: takes no other size than its own. */
public final class Bitmap {
  private final int width;
  private final int height;
  private final int[] pixels;

  public Bitmap(int width, int height, int[] pixels) {
    this.width = width;
    this.height = height;
    this.pixels = pixels;
  }

  public int getWidth() {
    return width;
  }

  public int getHeight() {
    return height;
  }

  public static Bitmap createScaledBitmap(Bitmap source, int width, int height, boolean filter) {
    if (source.width != width || source.height != height) {
      throw new IllegalArgumentException("the picture has another size");
    }
    return source;
  }

  public void getPixels(int[] into, int offset, int stride, int x, int y, int width, int height) {
    System.arraycopy(pixels, 0, into, offset, width * height);
  }
}
