// Written by `litesmith metadata wrap` for classifier.tflite.
import CoreGraphics
import Foundation
import TensorFlowLite

/// Identify the most prominent object in the image from a known set of categories.
/// Version: 1
/// Author: A "B" * / /u000a
public final class ImageClassifier {
  /// What went wrong, in words.
  public struct Failure: Error {
    public let message: String
  }

  /// A class of the model: its position, name of record, score, and name in the locale asked for.
  public struct Category {
    public let index: Int
    public let label: String
    public let score: Float
    public let displayName: String
  }

  /// What the model gives. Arrays are in row-major order.
  public struct Outputs {
    /// Probabilities of the labels respectively.
    public let probability: [Category]
  }

  private let interpreter: Interpreter
  private let labels0: [String]
  private let displayNames0: [String]

  /// The labels of probability, in the locale asked for.
  public var labelsOfProbability: [String] { displayNames0 }

  /// Loads the model at a path. locale: of the display names of labels.
  public init(path: String, locale: String = "", options: Interpreter.Options? = nil) throws {
    interpreter = try Interpreter(modelPath: path, options: options)
    guard interpreter.inputTensorCount == 1, interpreter.outputTensorCount == 1 else {
      throw Failure(message: "this is another model than the wrapper was written for")
    }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    let files0: [String: String] = ["de": "labels_de.txt"]
    labels0 = try ImageClassifier.associatedLines(bytes, "labels.txt")
    displayNames0 = try ImageClassifier.associatedLines(bytes, files0[locale, default: "labels.txt"])
    try interpreter.allocateTensors()
  }

  /// Runs the model.
  ///
  /// - Parameter image: image of any size; Input image to be classified.
  public func run(image: CGImage) throws -> Outputs {
    try interpreter.copy(prepare0(image), toInputAt: 0)
    try interpreter.invoke()
    return Outputs(
      probability: try categories(labels0, displayNames0, fetch0(), -Float.infinity)
    )
  }

  private func prepare0(_ image: CGImage) throws -> Data {
    let width = 2
    let height = 2
    var pixels = [UInt8](repeating: 0, count: 4 * width * height)
    let drawn = pixels.withUnsafeMutableBytes { memory -> Bool in
      guard let context = CGContext(
        data: memory.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 4 * width,
        space: CGColorSpaceCreateDeviceRGB(), bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
      else { return false }
      context.interpolationQuality = .low
      context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
      return true
    }
    guard drawn else { throw Failure(message: "the image cannot be drawn") }
    var values = [UInt8]()
    values.reserveCapacity(3 * width * height)
    for start in stride(from: 0, to: pixels.count, by: 4) {
      values.append(quantized((Float(pixels[start + 0]) - 127.5) / 63.75, 0.015625, 128))
      values.append(quantized((Float(pixels[start + 1]) - 127.5) / 63.75, 0.015625, 128))
      values.append(quantized((Float(pixels[start + 2]) - 127.5) / 63.75, 0.015625, 128))
    }
    return values.withUnsafeBufferPointer { Data(buffer: $0) }
  }

  private func fetch0() throws -> [Float] {
    let stored = try interpreter.output(at: 0).data.withUnsafeBytes { Array($0.bindMemory(to: Int8.self)) }
    return stored.map { 0.03125 * (Float($0) - -3) }
  }

  private func categories(_ labels: [String], _ names: [String], _ scores: [Float], _ threshold: Float) throws -> [Category] {
    guard labels.count == scores.count else {
      throw Failure(message: "\(labels.count) labels do not fit \(scores.count) scores")
    }
    return scores.indices
      .filter { scores[$0] >= threshold }
      .map { Category(index: $0, label: labels[$0], score: scores[$0], displayName: names[$0]) }
      .sorted { $0.score > $1.score }
  }

  private func quantized<T: FixedWidthInteger>(_ real: Float, _ scale: Float, _ zeroPoint: Float) -> T {
    T(max(Float(T.min), min(Float(T.max), (real / scale + zeroPoint).rounded())))
  }

  /// The lines of a file in the archive behind the model, whose members are stored as they are.
  private static func associatedLines(_ bytes: Data, _ name: String) throws -> [String] {
    func number(_ at: Int, _ size: Int) -> Int {
      (0..<size).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
    }
    func text(_ start: Int, _ length: Int) -> String {
      String(decoding: bytes[start..<start + length], as: UTF8.self)
    }
    guard let end = stride(from: bytes.count - 22, through: 0, by: -1).first(where: { number($0, 4) == 0x0605_4b50 }) else {
      throw Failure(message: "the model has no associated files")
    }
    var at = number(end + 16, 4)
    for _ in 0..<number(end + 10, 2) {
      let length = number(at + 28, 2)
      if text(at + 46, length) == name {
        let local = number(at + 42, 4)
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2)
        var content = text(start, number(at + 24, 4)).replacingOccurrences(of: "\r\n", with: "\n")
        if content.hasPrefix("\u{FEFF}") { content.removeFirst() }
        if content.hasSuffix("\n") { content.removeLast() }
        return content.components(separatedBy: "\n")
      }
      at += 46 + length + number(at + 30, 2) + number(at + 32, 2)
    }
    throw Failure(message: "the model has no associated file \(name)")
  }
}
