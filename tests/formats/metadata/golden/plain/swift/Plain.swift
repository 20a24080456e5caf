// Written by `litesmith metadata wrap` for plain.tflite.
import Foundation
import TensorFlowLite

/// The model.
public final class Plain {
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
    public let out: [Float]
    public let shapeOfOut: [Int]
    public let numbers: [Int]
    public let shapeOfNumbers: [Int]
    public let doubled: [Int64]
    public let shapeOfDoubled: [Int]
    public let not: [Bool]
    public let shapeOfNot: [Int]
    public let points: [Category]
  }

  private let interpreter: Interpreter
  private let labels4: [String]
  private let displayNames4: [String]

  /// The labels of points, in the locale asked for.
  public var labelsOfPoints: [String] { displayNames4 }

  /// Loads the model at a path. locale: of the display names of labels.
  public init(path: String, locale: String = "", options: Interpreter.Options? = nil) throws {
    interpreter = try Interpreter(modelPath: path, options: options)
    guard interpreter.inputTensorCount == 5, interpreter.outputTensorCount == 5 else {
      throw Failure(message: "this is another model than the wrapper was written for")
    }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    let files4: [String: String] = [:]
    labels4 = try Plain.associatedLines(bytes, "points.txt")
    displayNames4 = try Plain.associatedLines(bytes, files4[locale, default: "points.txt"])
    try interpreter.allocateTensors()
  }

  /// Runs the model.
  ///
  /// - Parameter classValue: array [1, -1, 2] in row-major order
  /// - Parameter input2ndInput: array [1, 2] in row-major order
  /// - Parameter ids: array [3] in row-major order
  /// - Parameter mask: array [2] in row-major order
  /// - Parameter small: array [2] in row-major order
  public func run(classValue: [Float], shapeOfClassValue: [Int], input2ndInput: [Int], ids: [Int64], mask: [Bool], small: [Int]) throws -> Outputs {
    try interpreter.resizeInput(at: 0, to: Tensor.Shape(shapeOfClassValue))
    try interpreter.allocateTensors()
    try interpreter.copy(prepare0(classValue), toInputAt: 0)
    try interpreter.copy(prepare1(input2ndInput), toInputAt: 1)
    try interpreter.copy(prepare2(ids), toInputAt: 2)
    try interpreter.copy(prepare3(mask), toInputAt: 3)
    try interpreter.copy(prepare4(small), toInputAt: 4)
    try interpreter.invoke()
    return Outputs(
      out: try fetch0(),
      shapeOfOut: try interpreter.output(at: 0).shape.dimensions,
      numbers: try fetch1(),
      shapeOfNumbers: try interpreter.output(at: 1).shape.dimensions,
      doubled: try fetch2(),
      shapeOfDoubled: try interpreter.output(at: 2).shape.dimensions,
      not: try fetch3(),
      shapeOfNot: try interpreter.output(at: 3).shape.dimensions,
      points: try categories(labels4, displayNames4, fetch4(), 3.0)
    )
  }

  private func prepare0(_ values: [Float]) throws -> Data {
    let count = try interpreter.input(at: 0).shape.dimensions.reduce(1, *)
    guard values.count == count else {
      throw Failure(message: "classValue: expected \(count) numbers, got \(values.count)")
    }
    let mean: [Float] = [1.0, 2.0]
    let std: [Float] = [2.0, 4.0]
    let stored: [Float] = values.enumerated().map { i, value in (value - mean[i % 2]) / std[i % 2] }
    return stored.withUnsafeBufferPointer { Data(buffer: $0) }
  }

  private func prepare1(_ values: [Int]) throws -> Data {
    let count = try interpreter.input(at: 1).shape.dimensions.reduce(1, *)
    guard values.count == count else {
      throw Failure(message: "input2ndInput: expected \(count) numbers, got \(values.count)")
    }
    let stored: [Int32] = values.map { value in Int32(value) }
    return stored.withUnsafeBufferPointer { Data(buffer: $0) }
  }

  private func prepare2(_ values: [Int64]) throws -> Data {
    let count = try interpreter.input(at: 2).shape.dimensions.reduce(1, *)
    guard values.count == count else {
      throw Failure(message: "ids: expected \(count) numbers, got \(values.count)")
    }
    let stored: [Int64] = values.map { value in value }
    return stored.withUnsafeBufferPointer { Data(buffer: $0) }
  }

  private func prepare3(_ values: [Bool]) throws -> Data {
    let count = try interpreter.input(at: 3).shape.dimensions.reduce(1, *)
    guard values.count == count else {
      throw Failure(message: "mask: expected \(count) numbers, got \(values.count)")
    }
    let stored: [Bool] = values.map { value in value }
    return stored.withUnsafeBufferPointer { Data(buffer: $0) }
  }

  private func prepare4(_ values: [Int]) throws -> Data {
    let count = try interpreter.input(at: 4).shape.dimensions.reduce(1, *)
    guard values.count == count else {
      throw Failure(message: "small: expected \(count) numbers, got \(values.count)")
    }
    let stored: [Int8] = values.map { value in Int8(value) }
    return stored.withUnsafeBufferPointer { Data(buffer: $0) }
  }

  private func fetch0() throws -> [Float] {
    let stored = try interpreter.output(at: 0).data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    return stored
  }

  private func fetch1() throws -> [Int] {
    let stored = try interpreter.output(at: 1).data.withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
    return stored.map { Int($0) }
  }

  private func fetch2() throws -> [Int64] {
    let stored = try interpreter.output(at: 2).data.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
    return stored
  }

  private func fetch3() throws -> [Bool] {
    let stored = try interpreter.output(at: 3).data.withUnsafeBytes { Array($0.bindMemory(to: Bool.self)) }
    return stored
  }

  private func fetch4() throws -> [Float] {
    let stored = try interpreter.output(at: 4).data.withUnsafeBytes { Array($0.bindMemory(to: Int8.self)) }
    return stored.map { 1.0 * (Float($0) - 0) }
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
